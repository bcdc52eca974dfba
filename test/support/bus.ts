import type { FarEnd } from '../../src/transport/index.ts'
import { answerTo } from './address-meter.ts'

/** Puts Modbus RTU meters behind a transport in memory. Each answers after `reactionMs`; `silent` ones never. */
export const busOf = (far: FarEnd, reactionMs: number, silent: ReadonlySet<number>): { readonly asked: number[] } => {
  const asked: number[] = []
  far.onBytes = (request) => {
    const unit = request[0] ?? 0
    asked.push(unit)
    if (silent.has(unit)) return
    const answer = answerTo(request)
    setTimeout(() => far.send(answer), reactionMs)
  }
  return { asked }
}

/** A profile with so many registers in one block. */
export const blockProfile = (registers: number, start = 0) => ({
  id: 'test-block',
  protocol: 'modbus',
  manufacturer: 'none',
  models: ['block'],
  addressing: 'zero-based',
  functions: [3],
  defaultSerial: null,
  maxRegistersPerRequest: 60,
  maxRegistersSource: 'test',
  mergeGap: 0,
  wordOrder: 'big',
  ratio: 'none',
  sources: { test: 'made for a test' },
  quirks: [],
  knownGaps: [],
  notAvailable: [],
  registers: Array.from({ length: registers }, (_, at) => ({
    address: start + at,
    addressHex: `0x${(start + at).toString(16).toUpperCase().padStart(4, '0')}`,
    function: 3,
    type: 'u16',
    length: 1,
    wordOrder: 'big',
    scale: 1,
    unit: 'kWh',
    obis: `1-0:1.8.${at}`,
    description: `register ${at}`,
    kind: 'cumulative',
    sources: ['test'],
    verified: 'one-source',
    sample: { words: '0102', value: '258' },
  })),
})
