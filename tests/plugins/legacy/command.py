"""A plugin of 2019."""


def command(config, pluginConfig):
    """Show what the plugin gets."""
    print(config.name, config.language, [job.name for job in config.jobs], pluginConfig["colour"], pluginConfig)
    return 6
