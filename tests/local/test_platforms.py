import pytest
from runtally_cli.local.platforms import UnsupportedPlatform, require_supported


@pytest.mark.parametrize("system", ["Linux", "Darwin"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "arm64", "AMD64"])
def test_linux_and_macos_on_x86_and_arm_are_supported(system: str, machine: str) -> None:
    require_supported(system, machine)


def test_this_machine_is_asked_by_default() -> None:
    require_supported()


def test_windows_is_told_of_wsl() -> None:
    with pytest.raises(UnsupportedPlatform, match=r"this is Windows on AMD64: use WSL 2, or point runtally at"):
        require_supported("Windows", "AMD64")


@pytest.mark.parametrize(
    ("system", "machine", "named"),
    [("Linux", "riscv64", "Linux on riscv64"), ("FreeBSD", "amd64", "FreeBSD on amd64"), ("", "", "unknown")],
)
def test_others_are_told_what_they_are(system: str, machine: str, named: str) -> None:
    with pytest.raises(UnsupportedPlatform, match=named):
        require_supported(system, machine)
