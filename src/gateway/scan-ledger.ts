import type { FoundMeter, ScanResult, ScanSetting } from '../acquisition/index.ts'
import { ATTRIBUTES, type Patch } from '../ledger/index.ts'
import { csvOf } from '../sheets/write-csv.ts'

/** A found meter as it goes into the ledger. */
export interface AcceptRow {
  readonly point: string
  readonly meter: string
  readonly line: string
  readonly address: string
  readonly profile: string
  readonly phase: 'L123' | 'unknown'
  /** What the meter calls itself (表号), when that is another number than its address. */
  readonly asset: string | null
}

/** A found meter that cannot be taken over as it is, and why. */
export interface LeftOut {
  readonly address: string
  readonly why: string
}

export interface AcceptRows {
  readonly rows: readonly AcceptRow[]
  readonly left: readonly LeftOut[]
}

/** Which profile and ids somebody chose, by address; the scan's own choice otherwise. */
export type Choices = Readonly<Record<string, { readonly profile?: string; readonly point?: string; readonly meter?: string }>>

/**
 * Ledger rows of what a scan found.
 *
 * @param prefix  of the ids: `hall-3` gives `hall-3-17` for unit 17 and `hall-3-202608150042`; the point's id ends with `-p`
 * @param line    id of the line in gateway.yaml
 */
export const acceptRows = (meters: readonly FoundMeter[], prefix: string, line: string, choices: Choices = {}): AcceptRows => {
  const rows: AcceptRow[] = []
  const left: LeftOut[] = []
  for (const { address, profile, known, tie, values, identity } of meters) {
    const choice = choices[address]
    const chosen = choice?.profile ?? profile
    if (known !== null) left.push({ address, why: `is in the ledger as ${known}` })
    else if (chosen === null)
      left.push({ address, why: tie.length > 0 ? `several profiles fit equally well: ${tie.join(', ')}; choose one` : 'no profile fits' })
    else {
      const id = choice?.meter ?? `${prefix}-${address}`
      const hasThree = values.some(({ obis, text }) => obis === '1-0:52.7.0' && Number(text) > 0)
      const number = identity['meter number']
      const asset = number !== undefined && /^\d+$/.test(number) && number !== address ? number : null
      rows.push({
        point: choice?.point ?? `${id}-p`,
        meter: id,
        line,
        address,
        profile: chosen,
        phase: hasThree ? 'L123' : 'unknown',
        asset,
      })
    }
  }
  return { rows, left }
}

/** Patches for the ledger: points come in state `installed`, so that the check-list decides when they are in service. */
export const patchesOf = (rows: readonly AcceptRow[]): Patch[] =>
  rows.flatMap(({ point, meter, line, address, profile, phase, asset }) => [
    { kind: 'point', id: point, from: null, set: { state: 'installed', role: 'customer', phase }, place: `scan of ${line}, ${address}` },
    {
      kind: 'meter',
      id: meter,
      from: null,
      set: { point, line, address, profile, ...(asset === null ? {} : { asset }) },
      place: `scan of ${line}, ${address}`,
    },
  ])

/** Text in YAML that stays text: addresses keep their zeros. */
const quoted = (text: string): string => (/^[A-Za-z][\w./-]*$/.test(text) ? text : JSON.stringify(text))

/** The ledger file form, as `ledger:` of gateway.yaml names it. */
export const ledgerYaml = ({ rows, left }: AcceptRows, result: ScanResult): string =>
  [
    `# Found by a scan of ${result.line} at ${new Date(result.startedAt).toISOString()}.`,
    ...left.map(({ address, why }) => `# not here: ${address} ${why}`),
    'version: 1',
    rows.length === 0 ? 'points: []' : 'points:',
    ...rows.map(({ point, phase }) => `  - { id: ${quoted(point)}, phase: ${phase} }`),
    rows.length === 0 ? 'meters: []' : 'meters:',
    ...rows.map(
      ({ meter, point, line, address, profile }) =>
        `  - { id: ${quoted(meter)}, point: ${quoted(point)}, line: ${quoted(line)}, address: ${JSON.stringify(address)}, profile: ${quoted(profile)} }`,
    ),
    '',
  ].join('\n')

/** A table that `gridtally ledger import` takes. */
export const importCsv = (rows: readonly AcceptRow[]): string => {
  const { point, meter } = ATTRIBUTES
  const heads = [
    'point id',
    point.state?.label.en,
    point.phase?.label.en,
    'meter id',
    'line id',
    meter.address?.label.en,
    meter.profile?.label.en,
  ]
  const cells = rows.map((row) => [row.point, 'installed', row.phase, row.meter, row.line, row.address, row.profile])
  return [...csvOf({ heads: heads.map((head) => head ?? ''), rows: cells })].join('')
}

/** The line as gateway.yaml has it: speed and framing that were found. */
export const lineYaml = (id: string, transport: LineTransport, meters: readonly FoundMeter[]): string => {
  const framing = meters.map(({ protocol }) => protocol).find((protocol) => protocol.startsWith('modbus'))
  const modbus = framing === undefined || framing === 'modbus-tcp' ? '' : `\n    modbus: ${framing.slice('modbus-'.length)}`
  const settings = new Map<string, ScanSetting>()
  for (const { setting } of meters) settings.set(`${setting.baud} ${setting.format}`, setting)
  const [only] = settings.values()
  const PARITY: Readonly<Record<string, string>> = { E: 'even', O: 'odd', N: 'none' }
  const where =
    transport.kind === 'tcp'
      ? `{ kind: tcp, host: ${quoted(transport.host)}, port: ${transport.port} }`
      : `{ kind: serial, path: ${transport.path}, baud: ${only?.baud ?? 9600}, parity: ${PARITY[only?.format?.[1] ?? 'N'] ?? 'none'}, stopBits: ${only?.format?.[2] ?? 1} }`
  const several =
    settings.size > 1 ? `\n    # Meters answer at ${[...settings.keys()].join(' and ')}: one line has one speed, set them alike.` : ''
  return `lines:\n  - id: ${quoted(id)}\n    transport: ${where}${modbus}${several}\n`
}

export type LineTransport =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'serial'; readonly path: string }
