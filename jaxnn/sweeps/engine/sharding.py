"""Lanes over devices: each device has as many, and none talks to another."""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.stages import Traced

BY_LANE = PartitionSpec("lane")


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Places arrays on all devices."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def shard_shapes(tree: Any, mesh: Mesh) -> Any:
    """Returns the shapes of arrays with a lane axis, with their places."""
    sharding = NamedSharding(mesh, BY_LANE)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree)


def trace_by_device(
    function: Callable[[Any, Any, Any], Any], lanes: Any, columns: Any, shared: Any, mesh: Mesh
) -> Traced:
    """Traces a function of the lanes and columns of a device, and of what all share.

    Args:
        function: of the three.
        lanes, columns: the shapes of all lanes.
        shared: arrays that lie on all devices.
        mesh: the devices.
    """
    specs = BY_LANE, BY_LANE, PartitionSpec()
    sharded = jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=BY_LANE, check_vma=False)
    return jax.jit(sharded).trace(*shard_shapes((lanes, columns), mesh), shared)
