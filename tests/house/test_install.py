"""A stranger's program against an installed libweir: by pkg-config and by find_package."""

import os
import re

import pytest
from house import FOLDERS, ROOT, run

BUILD = os.environ.get("WEIR_TEST_BUILD", str(ROOT / "build/dev"))

PROGRAM = """
#include <stdio.h>
#include "base/base.h"
#include "config/config.h"
#include "store/store.h"
#include "producer/producer.h"
#include "consumer/consumer.h"
#include "projections/projections.h"
int main(void)
{
    weir_error error = {0};
    const char *overrides[] = {"kafka.partitions=7"};
    weir_config *config = weir_config_load("strange.yaml", overrides, 1, &error);
    if (!config)
        return fprintf(stderr, "%s\\n", error.message), 1;
    printf("%d\\n", (int)weir_config_integer(config, "kafka.partitions"));
    weir_config_free(config);
    return 0;
}
"""

CMAKE = """
cmake_minimum_required(VERSION 3.22)
project(stranger C)
find_package(weir 0.1 REQUIRED)
foreach(kind shared static weir)
  add_executable(stranger_${kind} stranger.c)
  target_link_libraries(stranger_${kind} PRIVATE weir::${kind})
endforeach()
"""


def manual_programs():
    page = (ROOT / "docs/c_client.md").read_text()
    return re.findall(r"^```c\n(.*?)^```.*?^```\n(.*?)^```", page, re.S | re.M)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--prefix", prefix)
    return prefix


@pytest.fixture
def stranger(tmp_path):
    (tmp_path / "stranger.c").write_text(PROGRAM)
    (tmp_path / "strange.yaml").write_text("kafka: { partitions: 3 }\n")
    return tmp_path


def libdir(prefix):
    return next(prefix.rglob("libweir.so")).parent


def test_the_program_runs_where_it_was_put(prefix):
    assert re.search(r"\d+\.\d+\.\d+", run(prefix / "bin/weir", "version"))


def test_pkg_config_is_enough(prefix, stranger):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(libdir(prefix) / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "weir", env=environment).split()
    run("gcc", "stranger.c", "-o", "stranger", *flags, cwd=stranger)
    environment["LD_LIBRARY_PATH"] = str(libdir(prefix))
    assert run("./stranger", cwd=stranger, env=environment) == "7\n"


def test_there_are_programs_in_the_manual():
    assert len(manual_programs()) == 2


@pytest.mark.parametrize("program, said", manual_programs(), ids=["checkout", "bus"])
def test_the_manual_s_programs_run_without_a_database(prefix, tmp_path, program, said):
    """The listings of docs/c_client.md, and what the page says that they print."""
    (tmp_path / "checkout.c").write_text(program)
    environment = {**os.environ, "PKG_CONFIG_PATH": str(libdir(prefix) / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "weir", env=environment).split()
    run("gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "checkout.c", "-o", "checkout", *flags, cwd=tmp_path)
    environment["LD_LIBRARY_PATH"] = str(libdir(prefix))
    assert run("./checkout", "memory", cwd=tmp_path, env=environment) == said


def test_a_plugin_is_built_with_headers_alone(prefix, tmp_path):
    """The page's own plug-in, outside the tree, by the page's own command; the installed program takes it."""
    page = (ROOT / "docs/plugins.md").read_text()
    source = re.search(r"^```c\n(/\* user\.c: .*?)^```", page, re.M | re.S).group(1)
    command = re.search(r"^cc .*", page, re.M).group(0)
    (tmp_path / "user.c").write_text(source)
    (tmp_path / "weir.yaml").write_text("plugins: { files: [user.so] }\n")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(libdir(prefix) / "pkgconfig")}
    run("sh", "-c", f"{command} -Wall -Wextra -Werror", cwd=tmp_path, env=environment)
    assert "libweir" not in run("readelf", "-d", "user.so", cwd=tmp_path)
    assert re.search(r"shop .*user\.so .*user", run(prefix / "bin/weir", "plugin", "list", cwd=tmp_path))


def test_find_package_is_enough(prefix, stranger):
    (stranger / "CMakeLists.txt").write_text(CMAKE)
    run("cmake", "-S", stranger, "-B", stranger / "b", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", stranger / "b")
    for kind in ("shared", "static", "weir"):
        assert run(stranger / f"b/stranger_{kind}", cwd=stranger) == "7\n"


def test_only_facades_are_installed(prefix):
    headers = {str(p.relative_to(prefix / "include/weir")) for p in prefix.rglob("*.h")}
    assert {f"{folder}/{folder}.h" for folder in FOLDERS if folder != "app"} <= headers
    assert not [h for h in headers if h.endswith("_int.h") or h.startswith("app/")]


def test_every_installed_header_stands_alone(prefix, tmp_path):
    headers = sorted((prefix / "include/weir").rglob("*.h"))
    for header in headers:
        run("gcc", "-std=c17", "-Wall", "-Werror", "-fsyntax-only", "-D_GNU_SOURCE",
            f"-I{prefix}/include/weir", "-include", header, "-x", "c", "/dev/null")
