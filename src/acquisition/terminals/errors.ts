import { failWith } from '../../core/index.ts'

/** Every way an exchange with a terminal that dials in fails, and what happens next. */
export const fail = failWith({
  TERMINAL_OFFLINE: {
    recovery: 'wait',
    hint: 'the terminal dials in by itself: check its master address and port (F3), its signal, and that nothing in between closes the connection',
  },
  TERMINAL_LOST: { recovery: 'wait', hint: 'the connection ended during the exchange; the terminal dials again by itself' },
  TERMINAL_NO_REPLY: {
    recovery: 'retry',
    hint: 'the terminal is connected but did not answer this: its clock and ours may differ (time tags), it may not know the item, or it is busy reading meters',
  },
  TERMINAL_BABBLE: { recovery: 'wait', hint: 'the terminal goes on answering without an end: look at a trace of it' },
  TERMINAL_READ_ONLY: { recovery: 'stop', hint: 'writing is off: set allowWrites of this terminal if that is really meant' },
  TERMINAL_BUSY: {
    recovery: 'wait',
    hint: 'too much waits for this terminal already: read less often, or raise its window if it can do more at once',
  },
  TERMINAL_METER_SILENT: {
    recovery: 'retry',
    hint: 'the terminal answered but passed nothing back from the meter: check its port, speed and address in the archive, and the power line or bus behind it',
  },
})
