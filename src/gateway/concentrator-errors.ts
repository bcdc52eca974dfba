import { failWith } from '../core/index.ts'

/** Every way work through a concentrator is refused or fails, and what happens next. */
export const concentratorFailure = failWith({
  CONCENTRATOR_UNKNOWN: {
    recovery: 'skip',
    hint: 'GET /api/v1/concentrators lists them; gridtally concentrator unknown shows who dialled in and is not in the ledger',
  },
  CONCENTRATOR_UNUSABLE: {
    recovery: 'stop',
    hint: 'give the concentrator an address and a protocol (gw3761 or dlt698) in the ledger; the address must be written as its protocol has it',
  },
  CONCENTRATOR_OFFLINE: {
    recovery: 'wait',
    hint: 'it dials in by itself: look at its SIM card, signal and the main-station address and port it was given (F3); gridtally concentrator unknown shows whether it comes under another address',
  },
  CONCENTRATOR_READ_ONLY: {
    recovery: 'stop',
    hint: 'writing to this concentrator is off: set allowWrites of it in the ledger if that is really meant',
  },
  CONCENTRATOR_BUSY: { recovery: 'wait', hint: 'wait for the job under way, or cancel it: gridtally concentrator jobs ID shows it' },
  CONCENTRATOR_JOB: { recovery: 'skip', hint: 'GET /api/v1/concentrators/ID/jobs lists the jobs that are kept' },
  CONCENTRATOR_JOB_OVER: { recovery: 'skip', hint: 'it has ended; its result stands with it' },
  CONCENTRATOR_CANCELLED: { recovery: 'stop', hint: 'what was confirmed before stays done: read the archive to see how far it came' },
  CONCENTRATOR_STOPPED: {
    recovery: 'wait',
    hint: 'the gateway was stopped in the middle of it: read what it is about again, then repeat it if need be',
  },
  CONCENTRATOR_METER: { recovery: 'skip', hint: 'GET /api/v1/concentrators/ID/archive names the meters behind it' },
  CONCENTRATOR_SILENT: {
    recovery: 'retry',
    hint: 'the concentrator passed the bytes on, or would not, and nothing came back: look at port, speed and address of the meter, and at its route (F170)',
  },
  CONCENTRATOR_CANNOT: { recovery: 'skip', hint: 'the protocol of this concentrator has no such thing' },
  CONCENTRATOR_VALUE: { recovery: 'stop', hint: 'correct the named value; GET /api/v1/concentrators/ID/parameters has the form of each' },
  CONCENTRATOR_BUG: { recovery: 'stop', hint: 'an error in the gateway: report it, the log has the rest' },

  ARCHIVE_NOT_READ: { recovery: 'wait', hint: 'read it first: gridtally concentrator archive read ID' },
  ARCHIVE_CONFLICT: { recovery: 'stop', hint: 'correct measuringPoint, archiveNumber or address of the named meters in the ledger' },
  ARCHIVE_NOTHING: {
    recovery: 'skip',
    hint: 'ledger and concentrator agree on these meters; gridtally concentrator archive diff ID shows what they do not agree on',
  },
  ARCHIVE_NUMBER: { recovery: 'skip', hint: 'only numbers it has can be deleted: gridtally concentrator archive show ID lists them' },
  ARCHIVE_IN_LEDGER: {
    recovery: 'stop',
    hint: 'the ledger has this meter here: take it out of the ledger first, or say alsoInLedger (--also-in-ledger) when it is really to be deleted',
  },
  ARCHIVE_NOT_KEPT: {
    recovery: 'stop',
    hint: 'the concentrator confirmed the record and shows another one: read it again, and look for a limit of records or ports',
  },
  ARCHIVE_NOT_CONFIRMED: {
    recovery: 'stop',
    hint: 'no confirmation came and the record is not there: repeat the download for the named meters',
  },
  ARCHIVE_NOT_SENT: { recovery: 'wait', hint: 'repeat the download for the named meters' },
  ARCHIVE_STILL_THERE: {
    recovery: 'stop',
    hint: 'it confirmed the deletion and still has the record: some models want it deleted at the site',
  },

  PARAMETER_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/concentrators/ID/parameters lists what can be read and set' },
  PARAMETER_POINT: { recovery: 'skip', hint: 'this parameter is one of a measuring point: name it, 1 to 2040; others have none' },
  PARAMETER_FIXED: { recovery: 'skip', hint: 'it can only be read' },
  PARAMETER_NOT_KEPT: { recovery: 'stop', hint: 'it was confirmed and reads differently: compare the two values' },

  CONTROL_OFF: {
    recovery: 'stop',
    hint: 'remote trip and close are off on this site: switch concentrators.control on in the configuration if that is really meant; it holds within seconds',
  },
  CONTROL_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/concentrators/ID/control lists the acts' },
  CONTROL_SAME_PERSON: { recovery: 'stop', hint: 'a second person has to confirm it with a token of their own' },
  CONTROL_LATE: { recovery: 'stop', hint: 'a request holds for ten minutes: make a new one' },
  CONTROL_OVER: { recovery: 'stop', hint: 'each request is carried out at most once: make a new one' },
  CONTROL_PENDING: { recovery: 'wait', hint: 'confirm or withdraw the request that waits for this target' },
})

export type ConcentratorCode = Parameters<typeof concentratorFailure>[0]
