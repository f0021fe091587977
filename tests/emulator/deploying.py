"""A caller who deploys: sends a template and waits for its end."""

from typing import Any

from azvm_async.wire import Response
from emulator.small_templates import ONE
from emulator.support import Caller

_ACTIVE = {"Accepted", "Running"}


class Deployer(Caller):
    """Deploys templates, and reads what has become of them."""

    async def deploy(self, document: Any, where: str = ONE) -> dict[str, Any]:
        """Deploy, wait for the end, and return the deployment's properties."""
        accepted = await self.send("PUT", where, document)
        assert accepted.status in {200, 201}, accepted.body
        await self.ended(accepted)
        return (await self.get(where))["properties"]

    async def ended(self, accepted: Response) -> dict[str, Any]:
        """Wait for a deployment's end, and return what the last poll said."""
        while (status := await self.poll(accepted))["status"] in _ACTIVE:
            await self.clock.sleep(self.every)
        return status

    async def failed(self, document: Any, where: str = ONE) -> dict[str, Any]:
        """Deploy, and return the error."""
        properties = await self.deploy(document, where)
        assert properties["provisioningState"] == "Failed"
        return properties["error"]

    async def refused(self, document: Any, where: str = ONE, method: str = "PUT") -> tuple[int, dict[str, Any]]:
        """Return the status and the error of what is refused."""
        answer = await self.send(method, where, document)
        return answer.status, answer.document()["error"]

    async def steps(self, where: str = ONE) -> list[dict[str, Any]]:
        """Return the properties of a deployment's operations."""
        return [step["properties"] for step in (await self.get(f"{where}/operations"))["value"]]

    async def followed(self, accepted: Response) -> Response:
        """Follow ``Location`` to its end."""
        assert accepted.status == 202, accepted.body
        while (answer := await self.send("GET", accepted.headers["location"])).status == 202:
            await self.clock.sleep(self.every)
        return answer
