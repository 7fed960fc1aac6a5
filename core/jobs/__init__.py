"""Long work in worker processes: queue, slot, worker and the tasks they do."""
