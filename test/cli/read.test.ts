import { expect, it, onTestFinished } from 'vitest'
import { openPtyPair, startDlt645Line, startModbusTcpMeter, startPtyDlt645, startPtyModbus } from '../../simulators/index.ts'
import { gridtally } from '../support/processes.ts'
import { startPymodbus } from '../support/pymodbus.ts'

interface ReadJson {
  readonly ok: boolean
  readonly error?: { readonly code: string; readonly hint: string; readonly context: Record<string, unknown> }
  readonly frames?: readonly { readonly what: string; readonly hex: string }[]
  readonly readings: readonly {
    readonly measurement: string
    readonly ratio: string
    readonly values: readonly { readonly obis: string; readonly value: string; readonly unit: string; readonly primary: string | null }[]
  }[]
}

const read = async (...args: string[]) => {
  const { code, stdout, stderr } = await gridtally(['read', ...args, '--json'])
  if (!stdout.trim()) throw new Error(`nothing printed, exit code ${code}: ${stderr}`)
  const json: ReadJson = JSON.parse(stdout)
  const values = Object.fromEntries(
    (json.readings ?? []).flatMap((reading) => reading.values.map(({ obis, value, unit }) => [obis, `${value} ${unit}`.trim()])),
  )
  return { code, json, values, stderr }
}

/** Words of a float, high word first. */
const float = (value: number): number[] => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  return [bytes.readUInt16BE(0), bytes.readUInt16BE(2)]
}

// SDM630: voltage L1 at 0, current L1 at 6, total power at 0x34, frequency at 0x46, import at 0x48: input registers, floats.
const sdm630 = { 0: float(230.2), 6: float(5.25), 52: float(-1234.5), 70: float(49.98), 72: float(12345.67), 399: [0] }

it.each(['tcp', 'rtu', 'ascii'] as const)('reads a foreign Modbus server (pymodbus, %s framing) to the last digit', async (framing) => {
  const port = await startPymodbus(sdm630, framing)
  const { code, values, json } = await read(
    ...['--line', `tcp://127.0.0.1:${port}`, '--protocol', `modbus-${framing}`, '--address', '1', '--profile', 'eastron-sdm630'],
    ...['--register', '1.8.0', '32.7.0', '31.7.0', '16.7.0', '14.7.0', '--trace'],
  )
  expect(code).toBe(0)
  expect(values).toEqual({
    '1-0:1.8.0': '12345.67 kWh',
    '1-0:32.7.0': '230.2 V',
    '1-0:31.7.0': '5.25 A',
    '1-0:16.7.0': '-1.2345 kW',
    '1-0:14.7.0': '49.98 Hz',
  })
  expect(json.frames?.map(({ what }) => what)).toContain('tx')
})

it('reads a Modbus RTU meter on a serial port (socat pty, the meter served by another codec)', async () => {
  const pair = await openPtyPair()
  onTestFinished(() => pair.close())
  const meter = await startPtyModbus({ profile: 'eastron-sdm120', units: [9], path: pair.meterEnd })
  onTestFinished(() => meter.close())
  const { code, values } = await read(
    '--line',
    `${pair.gatewayEnd}:9600:8N1`,
    '--protocol',
    'modbus-rtu',
    '--address',
    '9',
    '--profile',
    'eastron-sdm120',
    '--register',
    '32.7.0',
    '14.7.0',
  )
  expect(code).toBe(0)
  expect(Number.parseFloat(values['1-0:32.7.0'] ?? '')).toBeGreaterThan(180)
  expect(Number.parseFloat(values['1-0:14.7.0'] ?? '')).toBeCloseTo(50, 0)
})

it('reads a DL/T 645 meter on a serial port, its daily freeze too', async () => {
  const pair = await openPtyPair()
  onTestFinished(() => pair.close())
  const meter = await startPtyDlt645({ meters: [{ address: '202608150042' }], path: pair.meterEnd })
  onTestFinished(() => meter.close())
  const at = [
    '--line',
    `${pair.gatewayEnd}:2400:8E1`,
    '--protocol',
    'dlt645',
    '--address',
    '202608150042',
    '--profile',
    'dlt645-2007/single-phase',
  ]
  const now = await read(...at, '--register', '1.8.0')
  const freeze = await read(...at, '--kind', 'day-freeze', '--timezone', 'Asia/Shanghai')
  expect(now.code).toBe(0)
  expect(freeze.code).toBe(0)
  const live = Number.parseFloat(now.values['1-0:1.8.0'] ?? '')
  const frozen = Number.parseFloat(freeze.values['1-0:1.8.0'] ?? '')
  expect(frozen).toBeGreaterThan(0)
  expect(live).toBeGreaterThanOrEqual(frozen)
})

it('shows registers as displayed and primary, the ratio applied once', async () => {
  const line = await startDlt645Line({ meters: [{ address: '000000000012', phases: 3, ct: 80 }] })
  onTestFinished(() => line.close())
  const { json } = await read(
    '--line',
    `tcp://127.0.0.1:${line.port}`,
    '--protocol',
    'dlt645',
    '--address',
    '000000000012',
    '--profile',
    'dlt645-2007/three-phase',
    '--register',
    '1.8.0',
    '31.7.0',
    '--ct',
    '400/5',
  )
  const register = json.readings.find(({ measurement }) => measurement === 'register')
  const value = register?.values.find(({ obis }) => obis === '1-0:1.8.0')
  expect(register?.ratio).toBe('80')
  expect(Number(value?.primary)).toBeCloseTo(Number(value?.value) * 80, 6)
})

it('says which meter did not answer, on which line, with which frame, and what to do', async () => {
  const line = await startDlt645Line({ meters: [{ address: '202608150042' }] })
  onTestFinished(() => line.close())
  const { code, json, stderr } = await read(
    '--line',
    `tcp://127.0.0.1:${line.port}`,
    '--protocol',
    'dlt645',
    '--address',
    '202608150043',
    '--profile',
    'dlt645-2007/single-phase',
    '--timeout',
    '60ms',
  )
  expect(code).toBe(1)
  expect(json).toMatchObject({
    ok: false,
    error: {
      code: 'LINE_NO_REPLY',
      context: { device: '202608150043', request: expect.stringMatching(/^FE FE FE FE 68 43 00 15 08 26 20 68 11/) },
    },
  })
  expect(stderr).toMatch(/LINE_NO_REPLY.*check the address, the wiring/)
})

it('keeps what a Modbus meter has when one register is refused', async () => {
  const meter = await startModbusTcpMeter({ profile: 'eastron-sdm120', units: [1] })
  onTestFinished(() => meter.close())
  // The larger map asks for registers the smaller meter does not have.
  const { code, json, values } = await read(
    '--line',
    `tcp://127.0.0.1:${meter.port}`,
    '--protocol',
    'modbus-tcp',
    '--address',
    '1',
    '--profile',
    'eastron-sdm630',
  )
  expect(code).toBe(0)
  expect(values['1-0:32.7.0']).toMatch(/V$/)
  expect(json.readings.some((reading) => 'absent' in reading && Array.isArray(reading.absent) && reading.absent.length > 0)).toBe(true)
})

it.each([
  [
    ['--line', 'tcp//x', '--protocol', 'modbus-tcp', '--address', '1', '--profile', 'eastron-sdm630'],
    /--line tcp\/\/x: is neither .* allowed: tcp:\/\/HOST:PORT/,
  ],
  [
    ['--line', 'tcp://127.0.0.1:1', '--protocol', 'modbus', '--address', '1', '--profile', 'eastron-sdm630'],
    /allowed: modbus-tcp, modbus-rtu, modbus-ascii, dlt645/,
  ],
  [
    ['--line', 'tcp://127.0.0.1:1', '--protocol', 'modbus-tcp', '--address', '300', '--profile', 'eastron-sdm630'],
    /unit "300" is not allowed; allowed 1 to 247/,
  ],
  [['--line', 'tcp://127.0.0.1:1', '--protocol', 'modbus-tcp', '--address', '1', '--profile', 'sdm630'], /--profile sdm630 does not exist/],
  [['--line', 'tcp://127.0.0.1:1', '--protocol', 'dlt645', '--address', '1', '--profile', 'eastron-sdm630'], /is for modbus, not dlt645/],
  [
    ['--line', 'tcp://127.0.0.1:1', '--protocol', 'modbus-tcp', '--address', '1', '--profile', 'eastron-sdm630', '--register', 'kWh'],
    /--register kWh is no OBIS code/,
  ],
])('refuses wrong usage: %s', async (args, message) => {
  const { code, stderr } = await gridtally(['read', ...args])
  expect(code).toBe(2)
  expect(stderr).toMatch(message)
})

it('says that nobody listens', async () => {
  const { code, stderr } = await gridtally([
    'read',
    '--line',
    'tcp://127.0.0.1:1',
    '--protocol',
    'modbus-tcp',
    '--address',
    '1',
    '--profile',
    'eastron-sdm630',
  ])
  expect(code).toBe(1)
  expect(stderr).toMatch(/LINE_DOWN.*refused the connection/)
})
