"""What a file holds that should be in no image that is published: what is told by name and bytes, and what is not."""
import unittest

from support import skelebot

KEY = "-----BEGIN %sPRIVATE KEY-----\nMIIB\n"
SECRET = {
    "a private key": (
        ("id_rsa", "x"), ("keys/id_ed25519", "x"), (".ssh/id_ecdsa_sk", "x"), ("a.pem", KEY % "RSA "),
        ("tls/server.key", KEY % ""), ("notes.txt", "# mine\n" + KEY % "EC "), ("k", KEY % "OPENSSH "),
        ("k", KEY % "ENCRYPTED "), ("putty.ppk", "PuTTY-User-Key-File-3: x"),
        ("gpg.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ"), ("keys.txt", "# public\nAGE-SECRET-KEY-1QQ"),
        ("private-keys-v1.d/AB.key", "(protected-private-key (rsa"), ("team.p12", b"\x30\x82\x05"), ("a/b.pfx", b"\x30\x82"),
        ("app.jks", b"\xfe\xed\xfe\xed\0"), ("der.key", b"\x30\x82\x04\xa4\x02\x01\x00\x02\x82"),
        ("wg0.conf", "[Interface]\nPrivateKey = " + "a" * 43 + "=\n"), ("my.jwk", '{"kty": "RSA", "d": "%s"}' % ("a" * 40)),
        ("churn-1a2b.json", '{"type": "service_account", "private_%s": "-----BEGIN PRIVATE KEY-----\\nM"}' % "key")),
    "a keytab": (("ada.keytab", b"\5\2\0\0"), ("x.bin", b"\5\2\0\0\0\x3c..krbtgt..")),
    "a Kerberos ticket": (("krb5cc_1000", b"\5\4\0\x0c"), ("tmp/ada.ccache", b"\5\3")),
    "passwords": (
        (".netrc", "machine x"), ("a/_NETRC", "x"), (".pypirc", "x"), (".git-credentials", "https://u:p@h"),
        (".pgpass", "db:5432:*:ada:hunter2\n"), ("pgpass.conf", "*:*:*:ada:hunter2"), (".htpasswd", "ada:$apr1$x"),
        ("team.kdbx", b"\x03\xd9\xa2\x9a\x67"), (".vault-token", "hvs.x")),
    "a password": (
        (".env", "DEBUG=1\nDB_PASSWORD=hunter2\n"), (".env.production", "export API_KEY='abcd1234'\n"),
        ("prod.env", "DATABASE_URL=postgres://ada:hunter2@db/x\n"), (".envrc", "export GITLAB_TOKEN=abcd1234\n"),
        (".env", "MYSQL_PWD: hunter2\n"), (".env.local", "DB_PASS=hunter2"), (".Renviron", "CENSUS_API_KEY=abcd1234"),
        (".aws/config", "[default]\naws_secret_access_key = short123\n"), (".aws/credentials", "aws_session_token=FwoG\n"),
        (".docker/config.json", '{"auths": {"h": {"auth": "YWRhOmh1bnRlcjI="}}}'), ("pip.conf", "index-url = https://u:hunter2@h/s"),
        (".config/pip/pip.conf", "extra-index-url =\n  https://ada:hunter2@h/s"), ("requirements.txt", "--index-url https://u:pw@h/s"),
        ("requirements/dev.in", "x @ https://u:hunter2@h/x.whl"), ("environment.yml", "- pip: [https://u:hunter2@h/x.whl]"),
        (".git/config", "[remote \"origin\"]\n\turl = https://ada:ghx@github.com/a/b.git"), ("renv.lock", '"https://u:hunter2@h"'),
        (".git/modules/lib/config", "url = https://x-access-token:abc@h/b"), ("skelebot-dev.yaml", "url: https://u:hunter2@h"),
        (".streamlit/secrets.toml", 'password = "hunter2"\n'), ("config/secrets.yaml", "db:\n  password: hunter2\n"),
        (".my.cnf", "[client]\npassword=hunter2\n"), (".databrickscfg", "[DEFAULT]\ntoken = dapiXX\n"), ("prod.tfvars", 'db_password = "hunter2"'),
        ("client_secret_1.json", '{"installed": {"client_id": "x", "client_secret": "GOCSPX-a"}}'), (".s3cfg", "secret_key = abcdef\n"),
        ("application_default_credentials.json", '{\n  "refresh_token": "1//0abc"\n}'), (".azure/msal_token_cache.json", '"secret": "ey0x"'),
        (".m2/settings.xml", "<server><password>hunter2</password></server>"), ("profiles.yml", "    password: hunter2"),
        ("odbc.ini", "[dw]\nPwd = hunter2\n"), (".config/gh/hosts.yml", "github.com:\n  oauth_token: abcd1234")),
    "a token": (
        ("kaggle.json", '{"username":"ada","key":"%s"}' % ("0af1" * 8)), (".kaggle/kaggle.json", '{"key": "%s"}' % ("0af1" * 8)),
        (".npmrc", "//registry.npmjs.org/:_authToken=abcd"), (".kube/config", "users:\n- user:\n    token: eyJhbGc"),
        (".git/config", "extraheader = AUTHORIZATION: basic eDp5"), (".condarc", "- https://h/t/ab-0123-4567-89ab/team"),
        ("train.py", 'TOKEN = "ghp_%s"' % ("a1B2" * 9)), ("a.ipynb", '"login(\\"hf_%s\\")"' % ("aB" * 17)),
        ("conf.R", "x <- 'glpat-%s'" % ("a1B2-" * 4)), (".aws/credentials", "aws_secret_access_key = " + "a1B2/" * 8),
        (".cache/huggingface/token", "hf_x"), ("s3.py", "aws_secret_access_key='%s'" % ("a1B2+" * 8)),
        ("alert.sh", "curl https://hooks.slack.com/services/T0AB/B0AB/" + "a1" * 12)),
    "Terraform's state": (("terraform.tfstate", '{"resources": [ {"type": "x"}]}'), ("a.tfstate.backup", '{"modules": [{}]}')),
}
HARMLESS = (
    (".env", "DEBUG=1\nPORT=8080\n"), (".env", "MAX_TOKENS=512\nTOKENIZERS_PARALLELISM=false\n"), (".env", "API_KEY=\nDB_PASSWORD=''\n"),
    (".env", "# PASSWORD=hunter2\n"), (".env", "DB_PASSWORD=${DB_PASSWORD}\n"), (".env", "PASSWORD_FILE=/run/secrets/db\n"),
    (".env", "TOKEN=/run/secrets/token\n"), (".env.example", "DB_PASSWORD=hunter2\n"), ("example.env", "API_KEY=abcd1234"),
    (".env.sample", "API_KEY=abcd1234"), (".env.template", "API_KEY=abcd1234"), (".env", "API_KEY=your-key-here\n"), (".env", "API_KEY=<key>"),
    (".env", "AUTHOR=ada lovelace\nCOMPASS=north\nPRIMARY_KEY=id\n"), (".env.dist", "TOKEN=abcd1234"), (".env", "API_KEY=changeme"),
    (".Renviron", "RENV_CONFIG_PAK_ENABLED=TRUE\nTZ=UTC\n"), (".Rprofile", 'source("renv/activate.R")\n'),
    ("id_rsa.pub", "ssh-rsa AAAA"), ("id_mapping.csv", "id,name\n"), ("a.pem", "-----BEGIN CERTIFICATE-----\nMIIB"), ("ca.crt", "-----BEGIN CERTIFICATE-----"),
    ("a.pem", "-----BEGIN PUBLIC KEY-----\nMIIB"), ("key.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), ("docs.md", "a PRIVATE KEY is secret"),
    ("docs.md", "it begins with `-----BEGIN PRIVATE KEY-----`, and"), ("pub.jwk", '{"kty": "RSA", "n": "%s"}' % ("a" * 40)),
    ("piano.key", "C major"), ("truststore.jks", b"\xfe\xed\xfe\xed\0"), ("ada.keytab", "text"), ("x.bin", b"\5\2\0\0"),
    ("netrc", "machine x"), ("netrc.md", "machine x password y"), (".pgpass", "# host:port:db:user:password\n"), (".htpasswd", "# none\n"),
    (".aws/config", "[default]\nregion = eu-central-1\n"), (".aws/config", "[profile a]\nsso_start_url = https://h/start\n"),
    (".docker/config.json", '{"credsStore": "desktop"}'), (".docker/config.json", '{"auths": {"h": {}}}'), ("config.json", '{"hidden_size": 768}'),
    ("pip.conf", "index-url = https://h/simple"), ("pip.conf", "index-url = https://${USER}:${TOKEN}@h/simple"), ("requirements.txt", "pandas==2.2"),
    ("requirements.txt", "x @ git+https://git@github.com/a/b"), ("environment.yml", "channels: [https://h/t/$TOKEN/x]"),
    (".git/config", "[remote \"origin\"]\n\turl = git@github.com:a/b.git"), (".git/config", "url = https://github.com/a/b.git"),
    ("kaggle.json", '{"competition": "titanic"}'), (".npmrc", "//h/:_authToken=${NPM_TOKEN}"), (".npmrc", "save-exact=true"),
    ("terraform.tfstate", '{"version": 4, "resources": []}'), ("tokenizer.json", '{"added_tokens": [{"content": "<pad>"}]}'),
    ("special_tokens_map.json", '{"pad_token": "<pad>", "sep_token": "[SEP]"}'), ("tokenizer_config.json", '{"mask_token": "[MASK]"}'),
    ("credentials.py", "a_token='abcd1234'\n"), ("secrets.py", "import os\npassword = os.environ['PW']\n"), ("secrets.example.toml", 'password = "hunter2"'),
    ("secrets.yaml", "password: ENC[AES256_GCM,data:x]"), ("credentials.json", '{"type": "authorized_user"}'), ("prod.tfvars", 'region = "eu"'),
    ("s3.py", "aws_secret_access_key='wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'"), ("train.py", "token = os.environ['GITHUB_TOKEN']"),
    ("a.ipynb", '"<style>#sk-container-id-1 div.sk-toggleable__content-arrow {}"'), ("names.txt", "ghp_ and glpat- are prefixes"),
    ("service.json", '{"type": "service_account", "client_email": "a@b"}'), (".kube/config", "clusters:\n- cluster: {server: https://h}\n"),
    ("notes.yaml", "url: https://u:hunter2@h"), ("skelebot.yaml", "name: x\n"), ("krb5.conf", "[libdefaults]\n"), ("empty", ""),
)


class SecretFile(unittest.TestCase):

    def kind(self, path, start):
        return skelebot.secret_patterns().kind(path, start.encode() if isinstance(start, str) else start)

    def test_is_told_by_its_name_and_first_bytes(self):
        for kind, files in SECRET.items():
            for path, start in files:
                with self.subTest(path, start=start):
                    self.assertEqual(self.kind(path, start), kind)
                    self.assertEqual(self.kind("deep/er/" + path, start), kind)

    def test_is_none_that_only_looks_so(self):
        for path, start in HARMLESS:
            with self.subTest(path, start=start):
                self.assertEqual(self.kind(path, start), "")


if __name__ == "__main__":
    unittest.main()
