import { failWith } from '../core/index.ts'

/** Every way work on a meter's clock is refused or fails, and what happens next. */
export const fail = failWith({
  CLOCK_NONE: { recovery: 'skip', hint: 'the profile of this meter knows no clock: set it at the meter, or use a profile that has one' },
  CLOCK_NO_DATE: { recovery: 'skip', hint: 'the clock of the meter has lost its date: look at its battery, then set it by hand' },
  CLOCK_OFF: {
    recovery: 'stop',
    hint: 'set `clocks: { set: true }` in the configuration if clocks are really to be set; it holds within seconds',
  },
  CLOCK_READ_ONLY: { recovery: 'stop', hint: 'writing to meters is off on this line: set allowWrites there if that is really meant' },
  CLOCK_NO_PASSWORD: { recovery: 'stop', hint: 'give clocks.password in the configuration, by the environment or a file' },
  CLOCK_SECOND: { recovery: 'stop', hint: 'send the token of a second person who may do the same as secondToken' },
  CLOCK_NOT_NOW: { recovery: 'wait', hint: 'meters freeze on the hour and at midnight: repeat it at the time that the message names' },
  CLOCK_CROSSES: {
    recovery: 'stop',
    hint: 'the meter will skip or repeat that freeze: repeat it with acceptCrossing, and expect a hole or a double in its records',
  },
  CLOCK_TOO_FAR: { recovery: 'stop', hint: 'a broadcast corrects at most 5 minutes: set such a meter alone, with a reason' },
  CLOCK_NOTHING: { recovery: 'skip', hint: 'nothing needs to be done; GET /api/v1/clocks shows the drift of every meter' },
  CLOCK_DONE_TODAY: { recovery: 'wait', hint: 'meters take one broadcast a day: repeat it tomorrow, or set one meter alone' },
  CLOCK_LOCKED: {
    recovery: 'stop',
    hint: 'meters lock after a few wrong passwords: find out why it was refused, then POST /api/v1/clocks/METER/clear with the reason',
  },
  CLOCK_BUSY: { recovery: 'wait', hint: 'something is being done to this clock: look at it again in a minute' },
  CLOCK_OWN_DOUBT: { recovery: 'stop', hint: 'check the clock of this machine (NTP, time zone) before any meter is set by it' },
})
