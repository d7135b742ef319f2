"""A process that says what it was told, until it is told to die."""

import json
import os
import sys

if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    facts = {"cores": sorted(os.sched_getaffinity(0)), "environment": os.environ.get("EARSHOT_ECHO")}
    print(json.dumps(order | facts), flush=True)
    for line in sys.stdin:
        if json.loads(line) == "die":
            sys.exit("as you wish")
        print(line, end="", flush=True)
