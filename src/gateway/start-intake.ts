import { adapterOf } from '../../protocols/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import { type Clock, type Reading, type ReadingStore, type Result, seriesOf } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Outbox } from '../outbox/index.ts'
import type { Latest } from '../store/latest.ts'
import type { Collection } from './collection.ts'
import type { EvidenceIntake } from './evidence-keeper.ts'
import { Field } from './field.ts'
import type { FieldTerminals } from './field-terminal.ts'
import { ledgerLines } from './hot-lines.ts'
import type { LiveProfiles } from './hot-profiles.ts'
import { Push } from './push.ts'
import type { Inputs } from './start-inputs.ts'
import type { openUnregistered } from './start-unregistered.ts'

export interface IntakeParts {
  readonly config: GatewayConfig
  readonly clock: Clock
  readonly ledger: Ledger
  readonly latest: Latest
  readonly collection: Collection
  readonly unregistered: ReturnType<typeof openUnregistered>
  readonly evidence: EvidenceIntake
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void
}

/** What reads meters: lines of the files and of the ledger, and concentrators. */
export const openField = (
  parts: IntakeParts & {
    readonly profiles: LiveProfiles
    readonly outbox: Pick<Outbox, 'put'>
    readonly terminals: { readonly hosts: FieldTerminals; isDoubtful(line: string): boolean }
  },
): Field => {
  const { config, clock, ledger, latest, collection, unregistered, evidence, log, profiles, outbox, terminals } = parts
  const beside = ledgerLines(config, ledger.list({ kind: 'channel', limit: 10_000 }))
  return new Field({
    config: { ...config, lines: [...config.lines, ...beside.lines] },
    clock,
    ...placesOf(ledger),
    profiles,
    adapterOf,
    put: (readings) => outbox.put(readings),
    newest: ({ meter, point }, area, source) => {
      const tags = { meter, point, area, source }
      // A curve of voltages alone has no register.
      const reading = latest.newest(seriesOf('register', tags).key) ?? latest.newest(seriesOf('instant', tags).key)
      return reading?.measuredAt ?? null
    },
    onStranger: unregistered.onStranger,
    terminals: terminals.hosts,
    isDoubtful: (line) => terminals.isDoubtful(line),
    evidence,
    log,
    ...collection.hooks,
  })
}

/** What hears meters that push. @errors as of the brokers and of what is remembered of devices */
export const openPush = (
  parts: IntakeParts & Pick<Inputs, 'mappings' | 'world'> & { readonly store: ReadingStore },
): Promise<Result<Push>> => {
  const { config, clock, ledger, latest, collection, unregistered, evidence, log, mappings, world, store } = parts
  const put: (readings: readonly Reading[]) => Promise<Result<void>> = collection.watched(unregistered.put)
  return Push.open({
    ...{ config, clock, mappings, world, put, evidence, store, log },
    ...placesOf(ledger),
    stranger: unregistered.stranger,
    newest: (seriesKey) => latest.newest(seriesKey),
  })
}

const placesOf = (ledger: Ledger) => ({
  meters: ledger.meters(null),
  points: new Map(ledger.points().map((point) => [point.id, point])),
})
