import { type Raw, tidy } from '../../../src/core/decimal.ts'
import { ok, type Result } from '../../../src/core/result.ts'
import type { Definition } from './definitions.ts'
import { fail, type SparkplugError } from './errors.ts'
import type { NodeState } from './node.ts'

/** One metric: name, alias, position of its device (-1: the node itself), datatype, unit, OBIS code. */
type MetricRow = readonly [name: string, alias: string | null, device: number, datatype: number, unit: string | null, obis: string | null]

export interface NodeSnapshot {
  readonly group: string
  readonly node: string
  /** Decimal text: it may have 64 bits. */
  readonly bdSeq: string | null
  /** Last number of the counter; null: the next message tells. */
  readonly seq: number | null
  readonly birthTimestamp: string | null
  readonly devices: readonly string[]
  readonly metrics: readonly MetricRow[]
}

/** The births of all living edge nodes, to be kept over a restart. */
export interface HostSnapshot {
  readonly version: 1
  readonly nodes: readonly NodeSnapshot[]
}

export interface NodeMemory {
  readonly group: string
  readonly node: string
  readonly bdSeq: Raw | null
  readonly seq: number | null
  readonly birthTimestamp: Raw | null
  readonly devices: readonly string[]
  readonly metrics: readonly Definition[]
}

export const snapshotOf = (nodes: readonly NodeState[]): HostSnapshot => ({
  version: 1,
  nodes: nodes.map(({ group, node, bdSeq, birthTimestamp, devices, definitions }) => {
    // What a device that is not born defined went with its birth.
    const names = [...devices].flatMap(([name, { born }]) => (born ? [name] : []))
    const index = new Map<string | null, number>([[null, -1], ...names.map((name, at) => [name, at] as const)])
    const metrics = [...definitions.all()].flatMap(({ name, alias, device, datatype, unit, obis }): MetricRow[] => {
      const at = index.get(device)
      return at === undefined ? [] : [[name, alias === null ? null : String(alias), at, datatype, unit, obis]]
    })
    return { group, node, bdSeq: textOf(bdSeq), seq: null, birthTimestamp: textOf(birthTimestamp), devices: names, metrics }
  }),
})

/**
 * Reads what {@link snapshotOf} wrote.
 *
 * @errors  SPARKPLUG_SNAPSHOT, with the place
 */
export function readSnapshot(json: unknown): Result<readonly NodeMemory[], SparkplugError> {
  if (!isMembers(json) || json.version !== 1 || !Array.isArray(json.nodes))
    return fail('SPARKPLUG_SNAPSHOT', 'no snapshot of version 1 with a list of nodes')
  const memories: NodeMemory[] = []
  for (const [at, node] of json.nodes.entries()) {
    const memory = memoryOf(node)
    if (!memory) return fail('SPARKPLUG_SNAPSHOT', `nodes[${at}] is damaged`, { at })
    memories.push(memory)
  }
  return ok(memories)
}

const memoryOf = (node: unknown): NodeMemory | null => {
  if (!isMembers(node) || typeof node.group !== 'string' || typeof node.node !== 'string') return null
  const { seq } = node
  const bdSeq = rawOf(node.bdSeq)
  const birthTimestamp = rawOf(node.birthTimestamp)
  if (bdSeq === undefined || birthTimestamp === undefined || (seq !== null && !isCount(seq, 255))) return null
  if (!Array.isArray(node.devices) || !Array.isArray(node.metrics)) return null
  const devices: string[] = []
  for (const device of node.devices) {
    if (typeof device !== 'string') return null
    devices.push(device)
  }
  const metrics: Definition[] = []
  for (const row of node.metrics) {
    const definition = definitionOf(row, devices)
    if (!definition) return null
    metrics.push(definition)
  }
  return { group: node.group, node: node.node, bdSeq, seq, birthTimestamp, devices, metrics }
}

const definitionOf = (row: unknown, devices: readonly string[]): Definition | null => {
  if (!Array.isArray(row)) return null
  const [name, aliasText, at, datatype, unit, obis]: unknown[] = row
  const alias = rawOf(aliasText)
  const device = at === -1 ? null : typeof at === 'number' ? devices[at] : undefined
  if (typeof name !== 'string' || alias === undefined || device === undefined || !isCount(datatype, 0xffff_ffff)) return null
  if (!isTextOrNull(unit) || !isTextOrNull(obis)) return null
  return { name, alias, device, datatype, unit, obis }
}

const textOf = (raw: Raw | null): string | null => (raw === null ? null : String(raw))
/** Undefined: neither null nor a whole number as text. */
const rawOf = (text: unknown): Raw | null | undefined =>
  text === null ? null : typeof text === 'string' && /^-?\d{1,20}$/.test(text) ? tidy(BigInt(text)) : undefined

const isMembers = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string'
const isCount = (value: unknown, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
