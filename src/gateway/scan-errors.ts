import { failWith } from '../core/index.ts'

/** Why a scan of a running line is refused, or what became of it. */
export const fail = failWith({
  SCAN_LINE: { recovery: 'skip', hint: 'GET /api/v1/lines lists the lines that are read' },
  SCAN_RUNNING: { recovery: 'wait', hint: 'stop the scan that is under way on this line, or wait for it' },
  SCAN_UNITS: { recovery: 'skip', hint: 'units are 1 to 247, as 1-32,100' },
  SCAN_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/scans lists the newest twenty' },
  SCAN_ROWS: { recovery: 'skip', hint: 'name addresses the scan found, with a profile where it found several or none' },
  SCAN_LEDGER: { recovery: 'skip', hint: 'the message names both rows that contradict each other; nothing was written' },
})
