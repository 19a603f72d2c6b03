"""What other rooms and pages use of this one."""

from registry.own_data.export import write_export
from registry.own_data.leaving import Obstacle, Standing, delete_account, obstacles

__all__ = ["Obstacle", "Standing", "delete_account", "obstacles", "write_export"]
