import type { Profile } from '../src/core/index.ts'

/** Registers of one poll in A1 and A2. */
export const SIXTY = 60

/** A made-up meter with sixty 16-bit voltages from address 0: the reference server's registers hold their own addresses. */
export const meterOfSixty: Profile = {
  id: 'bench-sixty',
  protocol: 'modbus',
  manufacturer: 'bench',
  models: ['sixty'],
  addressing: 'zero-based',
  functions: [3],
  defaultSerial: { baud: 9600, parity: 'even', stopBits: 1, unitId: 1 },
  maxRegistersPerRequest: 125,
  maxRegistersSource: 'bench',
  mergeGap: 0,
  wordOrder: 'big',
  ratio: 'none',
  notAvailable: [],
  sources: { bench: 'bench/reference/modbus-server.c' },
  quirks: [],
  knownGaps: [],
  registers: Array.from({ length: SIXTY }, (_, address) => {
    const words = address.toString(16).toUpperCase().padStart(4, '0')
    return {
      address,
      addressHex: `0x${words}`,
      function: 3,
      type: 'u16',
      length: 1,
      wordOrder: 'big',
      scale: 0.1,
      unit: 'V',
      obis: `1-0:32.7.${address}`,
      description: `voltage ${address}`,
      kind: 'instantaneous',
      sources: ['bench'],
      verified: 'one-source',
      sample: { words, value: `${Math.floor(address / 10)}.${address % 10}` },
    }
  }),
}
