"""Which packages there are: those in qengine/, and kernels/ as qengine.kernels.

A source distribution, and a checkout where symbolic links don't work, have no qengine/kernels to find it by.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["qengine", "qengine.*"], exclude=["qengine.kernels", "qengine.kernels.*"]),
        "qengine.kernels",
        *(f"qengine.kernels.{name}" for name in find_packages("kernels")),
    ],
    package_dir={"qengine.kernels": "kernels"},
)
