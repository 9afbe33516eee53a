"""The script that conda rows are measured against: import rattler, install a list of records.

python install_records.py RECORDS CACHE PREFIX
"""

import asyncio
import os
import sys

from rattler import LockFile, install

records, cache, prefix = sys.argv[1:]
environment = LockFile.from_path(records).default_environment()
wanted = environment.conda_repodata_records_for_platform(environment.platforms()[0])
asyncio.run(install(wanted, prefix, cache_dir=cache, show_progress=False, installed_packages=[]))
# Its threads can crash an interpreter that shuts down.
os._exit(0)
