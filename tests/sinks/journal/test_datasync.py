"""Making a file durable: by the kernel where it can, by threads elsewhere."""

from pathlib import Path
from types import ModuleType

import caio
import pytest

from sinks.journal import datasync
from sinks.journal.datasync import Datasync


class Refused(ModuleType):
    """A variant that the system does not let us have."""

    @staticmethod
    def AsyncioContext(*, max_requests: int) -> None:  # noqa: N802 - caio's name
        """Fail as caio does where `aio-max-nr` is used up."""
        raise SystemError(11, f"no room for {max_requests}")


@pytest.mark.parametrize("name", ["linux_aio", "thread_aio", "python_aio"])
async def test_every_variant_syncs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever the system lets us have returns, tells what fails, and is taken where a better one is refused."""
    variant = getattr(caio, f"{name}_asyncio")
    if variant is None:
        pytest.skip(f"caio has no {name} on this system")
    monkeypatch.setattr(datasync, "_VARIANTS", (Refused("refused"), variant))
    (tmp_path / "file").write_bytes(b"written")
    file = Datasync(tmp_path / "file")
    await file.flush()
    file.close()
    nowhere = Datasync(Path("/dev/null"))
    with pytest.raises(OSError, match=r"(?i)invalid"):
        await nowhere.flush()
    nowhere.close()
