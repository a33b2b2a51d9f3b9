import inspect


class SkeleYaml:
    """A part of skelebot.yaml, as plugins of earlier releases know it."""
    schema = None

    @classmethod
    def load(cls, config):
        """An instance with what its constructor takes; without a constructor, with all."""
        cls.validate(config)
        config = dict(config or {})
        if cls.__init__ is object.__init__:
            instance = cls()
            vars(instance).update(config)
            return instance
        known = inspect.signature(cls.__init__).parameters
        takes_all = any(one.kind is one.VAR_KEYWORD for one in known.values())
        return cls(**{key: value for key, value in config.items() if takes_all or key in known})

    @classmethod
    def loadList(cls, configs):
        return [cls.load(config) for config in configs or []]

    @classmethod
    def validate(cls, obj):
        if cls.schema is not None:
            cls.schema.validate(obj)

    def toDict(self):
        """What is set, as plain values."""
        return {key: plain_value(value) for key, value in vars(self).items()
                if not key.startswith("_") and value is not None}


def plain_value(value):
    """A value of a record, or of a plugin's, without our classes."""
    if isinstance(value, SkeleYaml):
        return value.toDict()
    if hasattr(value, "_fields"):
        return {name: plain_value(one) for name, one in zip(value._fields, value)
                if name != "places"}
    if isinstance(value, (list, tuple)):
        return [plain_value(one) for one in value]
    return str(value) if isinstance(value, str) else value
