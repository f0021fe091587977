"""What a client keeps for each operation, request or VM: what must not grow with what has ended."""

from azvm_async import AzureVMClient


def kept(client: AzureVMClient) -> dict[str, int]:
    """Return the sizes of all that; at rest it is nothing but buckets and regions, which are bounded."""
    poller, pipeline, agenda = client._poller, client._pipeline, client._poller._agenda
    lines = agenda._lines.values()
    return {
        "operations": len(poller._open),
        "entries of the agenda": len(agenda._heap),
        "in line to be read": sum(len(line.due) + line.reading for line in lines),
        "being read": len(poller._polls),
        "in crowds": sum(len(crowd.members) for crowd in poller._lookout._crowds.values()),
        "being submitted": len(client._outbox._under_way),
        "lines at limits": len(pipeline._pacer._lines),
        "buckets": len(pipeline.budget._buckets) if pipeline.budget else 0,
        "regions": len(client._reader._regions),
    }
