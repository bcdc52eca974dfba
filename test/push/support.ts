import { type FileHandle, open } from 'node:fs/promises'
import { type Column, type GatewayError, type Raw, type Reading, seriesOf, shapeOf } from '../../src/core/index.ts'
import type { OpenFile } from '../../src/push/append-log.ts'

export const START = 1_760_000_000_000

/** A disk that can be told to refuse. `writes` and `syncs` count what it did. */
export class MoodyDisk {
  refuses: 'nothing' | 'writes' | 'syncs' | 'everything' = 'nothing'
  writes = 0
  syncs = 0
  /** A sync waits for it. */
  held: Promise<void> = Promise.resolve()

  readonly open: OpenFile = async (path, flags) => {
    if (this.refuses === 'everything') throw new Error('EIO: no disk')
    const file = await open(path, flags)
    const write = async (bytes: Uint8Array, at: number, length: number, position: number) => {
      this.writes++
      // Half of it gets there, as on a disk that fills up in the middle.
      if (this.refuses !== 'writes') return file.write(bytes, at, length, position)
      await file.write(bytes, at, length >> 1, position)
      throw new Error('ENOSPC: no space left on device')
    }
    const datasync = async () => {
      this.syncs++
      await this.held
      if (this.refuses === 'syncs') throw new Error('EIO: i/o error')
      await file.datasync()
    }
    const truncate = (length?: number) => file.truncate(length)
    return { write: write as FileHandle['write'], datasync, truncate, close: () => file.close() }
  }
}

/** Collects what is said to people. */
export const listener = () => {
  const said: GatewayError[] = []
  return { said, say: (error: GatewayError) => void said.push(error) }
}

/** A reading of some columns: field → text such as `1.50`, or null for an absent one. */
export const reading = (
  at: number,
  values: Readonly<Record<string, string | null>>,
  { meter = '10001', ratio = '1', quality = 0, floats = false } = {},
): Reading => {
  const columns: Column[] = []
  const raws: (Raw | null)[] = []
  const scalers: number[] = []
  const absent = new Map<number, string>()
  for (const [field, text] of Object.entries(values)) {
    const scaler = text === null ? 0 : 0 - (text.split('.')[1] ?? '').length
    if (text === null) absent.set(columns.length, 'DLT645_REFUSED')
    columns.push({ field, obis: `1-0:${field}`, unit: 'kWh', scaler: floats ? null : scaler })
    raws.push(text === null ? null : Number(text.replace('.', '')))
    scalers.push(scaler)
  }
  return {
    series: seriesOf('register', { meter, point: `p ${meter}`, source: 'push' }),
    shape: shapeOf(columns),
    raws,
    scalers: floats ? scalers : null,
    absent: absent.size > 0 ? absent : null,
    ratio,
    measuredAt: START + at,
    receivedAt: START + at + 300,
    quality,
  }
}

export const failure = (code = 'MAPPING_JSON'): GatewayError => ({
  code,
  message: 'byte 3: a comma was expected',
  recovery: 'skip',
  hint: 'see the payload',
  context: { offset: 3 },
})
