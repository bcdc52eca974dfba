import { failWith } from '../core/index.ts'

/** Every way an exchange on a line fails, and what happens next. */
export const fail = failWith({
  LINE_NO_REPLY: {
    recovery: 'retry',
    hint: 'check the address, the wiring (A/B), the speed and parity, the framing (rtu or tcp), and that the meter has power',
  },
  LINE_DAMAGED: {
    recovery: 'resync',
    hint: 'bytes came but no whole frame: check speed and parity, 120-ohm termination, bias resistors, a second master',
  },
  LINE_STRANGER: {
    recovery: 'retry',
    hint: 'another meter answered, or an answer came too late: lengthen timeoutMs, look for a doubled address',
  },
  LINE_LOST: { recovery: 'wait', hint: 'the connection ended during the exchange; it is opened again by itself' },
  LINE_DOWN: { recovery: 'wait', hint: 'the line has no connection; it is opened again by itself, see the reason' },
  LINE_CLOSED: { recovery: 'stop', hint: 'the gateway is stopping, or the line was taken out of the configuration' },
  LINE_READ_ONLY: { recovery: 'stop', hint: 'writing to meters is off: set allowWrites on this line if that is really meant' },
  DEVICE_BACKED_OFF: {
    recovery: 'wait',
    hint: 'the meter did not answer for long and is asked rarely; read it by hand to see whether it is back',
  },
  FREEZE_NOT_YET: { recovery: 'wait', hint: 'the clock of the meter is behind, or it was off at midnight; it is asked again' },
  GATEWAY_FAULT: { recovery: 'wait', hint: 'the log has the details: please report it' },
  READ_OVERTAKEN: {
    recovery: 'wait',
    hint: 'the line was busy until the next period began: read less often, fewer registers, or put fewer meters on it',
  },
  READ_WITHDRAWN: {
    recovery: 'stop',
    hint: 'the meter was taken off its line or its task, or the task was removed, before the read was done',
  },
  CLOCK_UNTIMED: {
    recovery: 'skip',
    hint: 'this kind of line does not say when an answer began: the drift of a clock cannot be told over it',
  },
  READ_CANCELLED: { recovery: 'wait', hint: 'nobody waits for the answer any more' },
})
