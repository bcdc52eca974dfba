import { explainTraced, type MappingFile, terminalAdapterOf } from '../../protocols/index.ts'
import { adapterById } from '../acquisition/index.ts'
import { type EvidenceDeps, type EvidencePartView, type EvidenceView, type Refusal, readingJson } from '../api/index.ts'
import { err, type GatewayError, hexOf, hintOf, ok, type Profile, type Reading, type ReadingStore, type Result } from '../core/index.ts'
import type { EvidenceItem, EvidenceKey, EvidencePart } from '../evidence/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { digestText, PACK_FORM, type Pack, type PackItem, sealed } from './evidence-pack.ts'
import type { OpenEvidence } from './start-evidence.ts'

export interface EvidenceViewDeps {
  readonly gateway: string
  readonly version: string
  readonly zone: string
  readonly evidence: Pick<OpenEvidence, 'thread' | 'flush'>
  readonly store: Pick<ReadingStore, 'range'>
  readonly ledger: Pick<Ledger, 'get'>
  readonly profiles: { get(id: string): Profile | undefined }
  /** The mapping of a broker's rule as it is now; null: it is no more. */
  readonly mappingOf: (
    broker: string,
    rule: string,
  ) => { readonly content: MappingFile; readonly zone: string | null; readonly prefix: string | null } | null
}

const MOST_READINGS = 1000
const iso = (at: number): string => new Date(at).toISOString()

/** The kept evidence as the API shows it. */
export const evidenceViews = (deps: EvidenceViewDeps): EvidenceDeps => {
  const { thread, flush } = deps.evidence

  const viewOf = async (item: EvidenceItem): Promise<Result<EvidenceView>> => {
    const of = await thread.ask('keysOf', { id: item.id, limit: MOST_READINGS })
    if (!of.ok) return of
    const { id, kind, sha256, channel, protocol, about, by, receivedAt, wholeSize = null, parts } = item
    const views = parts.map((part) => partView(item, part))
    return ok({ id, kind, sha256, channel, protocol, about, by, receivedAt, wholeSize, parts: views, of: of.value })
  }
  const itemOf = async (id: string, key?: EvidenceKey): Promise<Result<EvidenceItem | null>> =>
    thread.ask('item', { id, ...(key ? { key } : {}) })

  return {
    evidenceOf: async (key) => {
      await flush()
      const refs = await thread.ask('of', key)
      if (!refs.ok) return unavailable(refs.error)
      const views: EvidenceView[] = []
      for (const { id } of refs.value) {
        const item = await itemOf(id, key)
        if (!item.ok) return unavailable(item.error)
        const view = item.value ? await viewOf(item.value) : null
        if (view && !view.ok) return unavailable(view.error)
        if (view?.ok) views.push(view.value)
      }
      return ok(views)
    },
    evidence: async (id) => {
      await flush()
      const item = await itemOf(id)
      if (!item.ok) return unavailable(item.error)
      const view = item.value ? await viewOf(item.value) : null
      return view === null ? ok(null) : view.ok ? view : unavailable(view.error)
    },
    evidencePack: async (id, meter, by) => {
      const keys = await thread.ask('keysOf', { id, limit: MOST_READINGS })
      if (!keys.ok) return unavailable(keys.error)
      const key = keys.value.find((one) => meter === null || one.meter === meter)
      if (!key) return ok(null)
      const item = await itemOf(id, key)
      if (!item.ok) return unavailable(item.error)
      if (!item.value) return ok(null)
      const stored = await readingsOf(deps.store, key)
      if (!stored.ok) return unavailable(stored.error)
      return ok(packOf(deps, item.value, stored.value, by))
    },
  }
}

/** What cannot be had is not the same as what is not there. */
const unavailable = (error: GatewayError): { readonly ok: false; readonly error: Refusal } => err({ because: 'unavailable', error })

const readingsOf = async (
  store: Pick<ReadingStore, 'range'>,
  { meter, measuredAt, source }: EvidenceKey,
): Promise<Result<readonly Reading[]>> => {
  const found: Reading[] = []
  for (const measurement of ['register', 'instant'] as const) {
    const page = await store.range({ measurement, tags: { meter }, source, from: measuredAt, to: measuredAt + 1, limit: 100 })
    if (!page.ok) return page
    found.push(...page.value.readings)
  }
  return ok(found)
}

const describe = (protocol: string, { bytes, direction }: EvidencePart): string =>
  adapterById(protocol)?.bind((adapter) => adapter.describe(bytes, direction)) ??
  terminalAdapterOf(protocol)?.bind((adapter) => adapter.describe(bytes, direction)) ??
  ''

const partView = ({ kind, protocol, about }: EvidenceItem, part: EvidencePart): EvidencePartView => {
  const { at, direction, bytes, hidden = [] } = part
  const sha256 = digestText(bytes)
  if (kind === 'message') return { at, direction, bytes, sha256, description: about, protocol, topic: about }
  const description = describe(protocol, part)
  const explained = () => explainTraced(protocol, bytes, direction === 'tx' ? 'request' : 'response')
  return { at, direction, bytes, sha256, hidden, description, protocol, explained }
}

const packOf = (deps: EvidenceViewDeps, item: EvidenceItem, stored: readonly Reading[], by: string): Pack => {
  const { meter, measuredAt, source } = item
  const entity = deps.ledger.get('meter', meter, measuredAt)
  const text = (name: string): string | null => {
    const value = entity?.attributes[name]
    return value === undefined || value === null ? null : String(value)
  }
  const profile = text('profile')
  const ratio = stored[0]?.ratio ?? null
  const pn = entity?.attributes.measuringPoint
  return sealed({
    format: PACK_FORM,
    gateway: { id: deps.gateway, version: deps.version, timezone: deps.zone },
    made: { at: iso(Date.now()), by },
    reading: {
      ...{ meter, measuredAt: iso(measuredAt), source },
      stored: stored.map((reading) => readingJson(reading, { wanted: null, hintOf })),
    },
    ledger: entity && {
      ...{ asOf: iso(measuredAt), meter, point: text('point'), channel: text('line') ?? text('concentrator') },
      ...{ address: text('address') ?? '', profile, asset: text('asset'), ratio },
      measuringPoint: typeof pn === 'number' ? pn : null,
    },
    profile: profile === null ? null : (deps.profiles.get(profile) ?? null),
    mapping: item.rule === undefined ? null : deps.mappingOf(item.channel, item.rule),
    evidence: [itemJson(item)],
  })
}

const itemJson = (item: EvidenceItem): PackItem => {
  const { id, kind, sha256, channel, protocol, about, by, receivedAt, wholeSize = null, selection, terminal, rule = null } = item
  return {
    ...{ id, kind, sha256, channel, protocol, about, by, receivedAt: iso(receivedAt), wholeSize, rule },
    selection: selectionJson(selection),
    terminal: terminal ? { ...terminal, meters: terminal.meters.map((one) => ({ ...one })) } : null,
    parts: item.parts.map((part) => ({
      ...{ at: iso(part.at), direction: part.direction, hex: hexOf(part.bytes).replaceAll(' ', '') },
      ...{ sha256: digestText(part.bytes), hidden: (part.hidden ?? []).map((range) => ({ ...range })) },
      description: kind === 'message' ? about : describe(protocol, part),
    })),
  }
}

const selectionJson = (selection: EvidenceItem['selection']): PackItem['selection'] => {
  if (selection === null) return null
  const { obis, ...rest } = selection
  return { ...rest, ...(obis ? { obis: [...obis] } : {}) }
}
