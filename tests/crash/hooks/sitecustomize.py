"""Faults of our own, switched on in child processes by TIELINE_TEST_HOOKS: to see that the crash tests can see them.

blind       a worker sends an unfinished create again without looking whether it is there
not_unique  the sandbox lets two records have one origin key
"""

import os

HOOKS = os.environ.get("TIELINE_TEST_HOOKS", "").split()

if "blind" in HOOKS:
    from tieline.engine.effects import settle

    async def _send_all_again(self, group):
        return [self._send_again(work) for work in group]

    settle.Settle._by_origin = _send_all_again

if "not_unique" in HOOKS:
    from tieline.connectors.zoho_crm.sandbox import writes

    def _learn_nothing(self):
        self.uniques = {name: [] for name in self.tables.by_module}

    writes.Writer.learn_uniques = _learn_nothing
