"""What systems say about themselves, as each of them words it."""

from __future__ import annotations

import json

import pytest

from stead.config.checks import facts
from stead.config.checks.facts import Gpu
from stead.values.platform import Platform

GIB = 1024**3

INTEL = """\
processor\t: 0
model name\t: Intel(R) Xeon(R) CPU
flags\t\t: fpu sse sse2 pni ssse3 sse4_1 sse4_2 avx avx2 cx16

processor\t: 1
flags\t\t: fpu sse sse2 pni ssse3 sse4_1 sse4_2 avx cx16
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd aes sha2 crc32 atomics asimddp\n"
MAC_INTEL = """\
machdep.cpu.features: FPU SSE SSE2 SSE3 SSSE3 SSE4.1 SSE4.2 AVX1.0 AES
machdep.cpu.leaf7_features: AVX2 BMI1
machdep.cpu.brand_string: Intel(R) Core(TM) i7
hw.optional.avx512f: 0
"""
MAC_ARM = """\
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_SHA256: 1
hw.optional.arm.FEAT_BF16: 0
hw.optional.AdvSIMD: 1
machdep.cpu.brand_string: Apple M1
"""


class TestFlags:
    def test_linux(self):
        assert facts.linux_flags(INTEL) >= {"sse3", "ssse3", "avx", "cmpxchg16b"}
        assert facts.linux_flags(ARM) >= {"neon", "aes", "atomics"}
        assert facts.linux_flags("nothing") == frozenset()

    def test_one_that_not_all_cores_have_does_not_count(self):
        assert "avx2" not in facts.linux_flags(INTEL)

    def test_macos(self):
        assert facts.macos_flags(MAC_INTEL) >= {"sse3", "sse4_1", "avx", "avx2", "aes"}
        assert "avx512f" not in facts.macos_flags(MAC_INTEL)
        assert facts.macos_flags(MAC_ARM) >= {"neon", "sha2", "asimddp"}
        assert "bf16" not in facts.macos_flags(MAC_ARM)

    def test_windows(self):
        found = facts.windows_flags(frozenset([13, 38, 39, 40, 9999]), "win-64")
        assert found == {"sse", "sse2", "sse3", "sse4_2", "avx", "avx2"}
        assert "neon" in facts.windows_flags(frozenset(), "win-arm64")

    @pytest.mark.parametrize(
        ("written", "one"),
        [("SSE4.1", "sse4_1"), ("pni", "sse3"), ("AVX1.0", "avx"), ("asimd", "neon")],
    )
    def test_one_flag_has_one_name(self, written, one):
        assert facts.flag_name(written) == one


@pytest.mark.parametrize(
    ("said", "version"),
    [("glibc 2.36", "2.36"), ("GNU libc 2.17", "2.17"), ("musl 1.2.4", ""), ("", "")],
)
def test_glibc(said, version):
    assert facts.glibc_version(said) == version


class TestGpus:
    def test_nvidias_own_program(self):
        said = "NVIDIA A100-SXM4-40GB, 40960\nOdd, Name, [N/A]\n\n"
        assert facts.nvidia_smi(said) == (
            Gpu("nvidia", "NVIDIA A100-SXM4-40GB", 40 * GIB),
            Gpu("nvidia", "Odd, Name", None),
        )
        assert facts.nvidia_smi("NVIDIA-SMI has failed") == ()

    def test_nvidias_driver(self):
        said = "Model: \t\t NVIDIA GeForce RTX 3090\nIRQ:   \t\t 145\n"
        assert facts.nvidia_information(said) == Gpu("nvidia", "NVIDIA GeForce RTX 3090")
        assert facts.nvidia_information("") is None

    def test_cards_of_linux(self):
        assert facts.drm_card("0x1002\n", "17163091968\n") == Gpu("amd", "", 17163091968)
        assert facts.drm_card("0x8086\n") == Gpu("intel")
        assert facts.drm_card("0x1af4\n") is None

    def test_macos(self):
        said = json.dumps(
            {
                "SPDisplaysDataType": [
                    {"sppci_model": "Apple M1", "spdisplays_vendor": "sppci_vendor_Apple"},
                    {
                        "sppci_model": "Radeon Pro 560X",
                        "spdisplays_vendor": "AMD (0x1002)",
                        "spdisplays_vram": "4 GB",
                    },
                ]
            }
        )
        assert facts.system_profiler(said) == (
            Gpu("apple", "Apple M1"),
            Gpu("amd", "Radeon Pro 560X", 4 * GIB),
        )
        assert facts.system_profiler("no JSON") == ()
        assert facts.system_profiler("[]") == ()

    def test_windows(self):
        one = {"Name": "Intel(R) UHD Graphics", "AdapterRAM": 1073741824}
        two = {"Name": "NVIDIA GeForce RTX 3090", "AdapterRAM": 4293918720}
        other = {"Name": "Microsoft Basic Display Adapter", "AdapterRAM": 0}
        assert facts.video_controllers(json.dumps(one)) == (Gpu("intel", one["Name"], GIB),)
        assert facts.video_controllers(json.dumps([two, other])) == (
            Gpu("nvidia", two["Name"], None),
        )
        assert facts.video_controllers("") == ()


class TestGpuOfAMachine:
    @pytest.fixture
    def root(self, tmp_path):
        """What the kernel shows of a machine with two cards, one of them virtual."""
        for card, vendor in (("card0", "0x1af4"), ("card1", "0x1002")):
            device = tmp_path / "sys/class/drm" / card / "device"
            device.mkdir(parents=True)
            (device / "vendor").write_text(f"{vendor}\n")
        (device / "mem_info_vram_total").write_text(f"{8 * GIB}\n")
        (tmp_path / "sys/class/drm/card1-DP-1").mkdir()
        return tmp_path

    def look(self, see, root, subject="", **rest):
        rest.setdefault("environ", {"PATH": str(root / "bin")})
        return see("gpu", subject, root=str(root), platform=Platform("linux-64"), **rest)

    def test_one_of_a_maker_with_memory(self, see, root):
        assert self.look(see, root).ok
        assert self.look(see, root, "amd", expect="8 GiB").ok
        result = self.look(see, root, "amd", expect="16 GiB")
        assert "less than 16.0 GiB" in result.message

    def test_none_of_another_maker(self, see, root):
        result = self.look(see, root, "nvidia")
        assert not result.ok
        assert "no sign of a GPU of nvidia; there is amd with 8.0 GiB" in result.message

    def test_none_at_all(self, see, tmp_path):
        assert "no sign of a GPU" in self.look(see, tmp_path).message

    def test_nvidia_by_its_driver_then_by_its_program(self, see, root):
        card = root / "proc/driver/nvidia/gpus/0000:01:00.0"
        card.mkdir(parents=True)
        (card / "information").write_text("Model: \t NVIDIA A100\n")
        assert self.look(see, root, "nvidia").ok
        result = self.look(see, root, "nvidia", expect="20 GiB")
        assert "does not tell its memory" in result.message
        program = root / "bin/nvidia-smi"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\necho NVIDIA A100, 40960\n")
        program.chmod(0o755)
        assert self.look(see, root, "nvidia", expect="20 GiB").ok

    def test_a_program_that_fails_is_no_card(self, see, tmp_path):
        program = tmp_path / "bin/nvidia-smi"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\necho NVIDIA-SMI, has failed\nexit 9\n")
        program.chmod(0o755)
        assert not self.look(see, tmp_path, "nvidia").ok
