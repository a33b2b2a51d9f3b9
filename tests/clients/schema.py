"""What jsonschema says of documents: a JSON schema and documents by name on stdin, the faults by name on stdout."""
import json
import sys

import jsonschema

asked = json.load(sys.stdin)
jsonschema.Draft7Validator.check_schema(asked["schema"])
validator = jsonschema.Draft7Validator(asked["schema"])
json.dump({name: [f"{error.json_path}: {error.message}"[:300] for error in validator.iter_errors(document)]
           for name, document in asked["documents"].items()}, sys.stdout)
