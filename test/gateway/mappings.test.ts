import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { decodeMessage, type Json, JsonNumber, JsonObject, parseJson } from '../../protocols/index.ts'
import { decimalText, type PushOutcome } from '../../src/core/index.ts'
import { builtInMappings, compiledMappings, loadMapping, mappingFiles, openMappings } from '../../src/gateway/mappings.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { judgePushVectors } from '../../src/gateway/push-vectors.ts'
import { pushWorld } from '../../src/gateway/push-world.ts'
import { scratch } from '../support/processes.ts'

const world = pushWorld('Asia/Shanghai', openProfiles(null))
const vectors = readFileSync(fileURLToPath(new URL('../vectors/mqtt-payloads.json', import.meta.url)), 'utf8')
const mappings = compiledMappings(openMappings(null, world))
const limits = { depth: 100, nodes: 1_000_000 }

const parsed = (): JsonObject => {
  const json = parseJson(vectors, limits)
  if (!json.ok || !(json.value instanceof JsonObject)) throw new Error('the vector file is no JSON object')
  return json.value
}
const listOf = (json: Json | undefined): readonly Json[] => (Array.isArray(json) ? json : [])

describe('the shipped mappings', () => {
  it.each(mappingFiles(builtInMappings()))('%s becomes what its recorded messages must become', (file) => {
    const loaded = loadMapping(file, world)
    expect(loaded.ok ? [] : loaded.problems).toEqual([])
    expect(loaded.ok && loaded.examples).toBeGreaterThan(0)
  })

  it('pass every vector', async () => {
    const results = await judgePushVectors(parsed(), mappings, world)
    expect(results).toHaveLength(43)
    expect(results.filter(({ differences }) => differences.length > 0)).toEqual([])
  })
})

/** Another value of the same kind, or a text where nothing stood. */
const changed = (leaf: Json): Json =>
  leaf instanceof JsonNumber
    ? new JsonNumber(String(Number(leaf.text) + 1))
    : typeof leaf === 'string'
      ? `${leaf}x`
      : typeof leaf === 'boolean'
        ? !leaf
        : leaf === null
          ? 'x'
          : leaf

interface Leaf {
  readonly path: string
  change(): void
}

/** Every leaf below a value; empty lists and objects are leaves as well. */
const leavesOf = (json: Json, path: string, change: (to: Json) => void): readonly Leaf[] => {
  if (json instanceof JsonObject && json.names.length > 0)
    return json.names.flatMap((name, at) =>
      leavesOf(json.values[at] ?? null, `${path}.${name}`, (to) => {
        json.values[at] = to
      }),
    )
  if (Array.isArray(json) && json.length > 0)
    return json.flatMap((item, at) =>
      leavesOf(item, `${path}[${at}]`, (to) => {
        json[at] = to
      }),
    )
  const isEmpty = Array.isArray(json) || json instanceof JsonObject
  return [{ path, change: () => change(isEmpty ? [new JsonObject()] : changed(json)) }]
}

describe('the judge', () => {
  const names = listOf(parsed().get('vectors')).map((vector) => (vector instanceof JsonObject ? String(vector.get('name')) : ''))
  /** A list of points is not looked at where the vector is about the frame alone. */
  const free = (name: string, path: string): boolean => path === 'expect.points' && name === 'dtu-hex-spaced-lowercase'
  it.each(names)('sees every leaf of %s', async (name) => {
    const at = names.indexOf(name)
    const expectOf = (): JsonObject => {
      const vector = listOf(parsed().get('vectors'))[at]
      const expected = vector instanceof JsonObject ? vector.get('expect') : undefined
      if (!(expected instanceof JsonObject)) throw new Error(`${name} expects nothing`)
      return expected
    }
    const count = leavesOf(expectOf(), 'expect', () => {}).length
    expect(count).toBeGreaterThan(1)
    const unseen: string[] = []
    for (let nth = 0; nth < count; nth++) {
      const content = parsed()
      const vector = listOf(content.get('vectors'))[at]
      const expected = vector instanceof JsonObject ? vector.get('expect') : undefined
      if (!(vector instanceof JsonObject) || !expected) throw new Error(`${name} expects nothing`)
      const leaf = leavesOf(expected, 'expect', () => {})[nth]
      if (!leaf || free(name, leaf.path)) continue
      leaf.change()
      const alone = new JsonObject()
      alone.names.push('vectors')
      alone.values.push([vector])
      const [result] = await judgePushVectors(alone, mappings, world)
      if (result?.differences.length === 0) unseen.push(leaf.path)
    }
    expect(unseen).toEqual([])
  })
})

describe('messages of each family', () => {
  const SHANGHAI = pushWorld('Asia/Shanghai', openProfiles(null))
  const outcomeOf = (topic: string, payload: object | string | Uint8Array): PushOutcome => {
    const bytes =
      payload instanceof Uint8Array ? payload : new TextEncoder().encode(typeof payload === 'string' ? payload : JSON.stringify(payload))
    const message = { topic, payload: bytes, retained: false, duplicate: false, arrivedAt: Date.UTC(2024, 10, 21, 9) }
    return decodeMessage(mappings, message, { ...SHANGHAI, windows: true, explain: false })
  }
  const at = 'm @ 2024-11-21T08:45:00.000Z'.slice(2)

  it.each<[string, string, object | string, string[]]>([
    [
      'Tasmota, three phases',
      'tele/hall/SENSOR',
      { Time: '2024-11-21T16:45:00', ENERGY: { Total: 1.5, Power: [1, 2, 3], Frequency: [50, 50, 50], Voltage: [230, 231, 232] } },
      [
        `hall ${at}: 1.8.0 = 1.5 kWh, 36.7.0 = 1 W, 56.7.0 = 2 W, 76.7.0 = 3 W, 14.7.0 = 50 Hz, 32.7.0 = 230 V, 52.7.0 = 231 V, 72.7.0 = 232 V`,
      ],
    ],
    [
      'Tasmota, status 10',
      'stat/pow1/STATUS10',
      { StatusSNS: { Time: '2024-11-21T16:45:00', ENERGY: { Total: 6.404 } } },
      [`pow1 ${at}: 1.8.0 = 6.404 kWh`],
    ],
    [
      'Tasmota, clock not set',
      'tele/pow1/SENSOR',
      { Time: '1970-01-01T00:00:12', ENERGY: { Total: 6.404 } },
      ['pow1 @ arrival clock-unset: 1.8.0 = 6.404 kWh'],
    ],
    [
      'Zigbee2MQTT, power alone',
      'zigbee2mqtt/ground floor/plug 1',
      { power: 0, energy: null },
      ['ground floor/plug 1 @ arrival: 16.7.0 = 0 W'],
    ],
    [
      'Z-Wave, produced energy',
      'zwave/pv/meter/endpoint_0/value/65538',
      { time: 1732178700000, value: 7.5 },
      [`pv ${at}: 2.8.0 = 7.5 kWh`],
    ],
    [
      'Shelly, mini',
      'shellypmmini-1/status/pm1:0',
      { id: 0, apower: 12.5, aenergy: { total: 100 } },
      ['shellypmmini-1 @ arrival: 1.8.0 = 100 Wh, 16.7.0 = 12.5 W'],
    ],
    [
      'Shelly, second relay',
      'shellypro2-1/status/switch:1',
      { id: 1, aenergy: { total: 100 } },
      ['shellypro2-1/1 @ arrival: 1.8.0 = 100 Wh'],
    ],
    [
      'Shelly, emdata',
      'shellypro3em-1/status/emdata:0',
      { id: 0, total_act: 5000.5, total_act_ret: 1, a_total_act_energy: 2000 },
      ['shellypro3em-1 @ arrival: 1.8.0 = 5000.5 Wh, 2.8.0 = 1 Wh, 21.8.0 = 2000 Wh'],
    ],
    [
      'Shelly, a stranger under its topic',
      'shellyplus1pm-1/events/rpc',
      { src: 'shellyplus1pm-2', method: 'NotifyStatus', params: { ts: 1732178700.0, 'switch:0': { apower: 5 } } },
      [`shellyplus1pm-1 ${at} identity: 16.7.0 = 5 W`],
    ],
    ['Shelly 1, bare number', 'shellies/shellyem3-1/emeter/2/power', '-12.50', ['shellyem3-1 @ arrival: 76.7.0 = -12.50 W']],
    ['Shelly 1, watt-minutes are no register', 'shellies/shellyem3-1/emeter/2/energy', '123', []],
    [
      'Acrel, ratios in the message',
      '/gw/acrelHW/adw300/data/12209263660002',
      { time: '20241121164500', ua: 100.1, ia: 1.25, wh: 12.5, ct: 40, pt: 10 },
      [`12209263660002 ${at} ct 40 pt 10: 1.8.0 = 12.5 kWh, 32.7.0 = 100.1 V, 31.7.0 = 1.25 A`],
    ],
    ['Acrel, meter missing', '/gw/acrelHW/adw300/data/12209263660002', { time: '20241121164500', meterStatus: 'missing', wh: 0 }, []],
    [
      'PUSR, a point that failed',
      '/up/12345',
      {
        rw_prot: {
          dir: 'up',
          id: '12345',
          r_data: [
            { name: 'kWh', value: '10452.31', err: '0' },
            { name: 'Ub', value: '--', err: '0' },
            { name: 'Ua', value: '0', err: '1' },
          ],
        },
      },
      ['12345 @ arrival: 1.8.0 = 10452.31 kWh'],
    ],
    [
      'CET, a unit nobody knows',
      'CET/NX/upload',
      {
        location_code: 'm7',
        ts: 1732178700,
        properties: [
          { key: 'A相电压', value: 220, unit: 'X' },
          { key: '正向有功电能', value: 7, unit: '度' },
          { key: '总有功功率', value: 7, unit: '' },
        ],
      },
      [`m7 ${at}: 1.8.0 = 7 kWh`],
    ],
    [
      'EnOS, a batch',
      '/sys/pk/gw/thing/measurepoint/post/batch',
      {
        params: [
          { deviceKey: 'a', measurepoints: { ActiveEnergy: { value: 1, quality: 0 }, x: 1.02 }, time: 1732178700000 },
          { deviceKey: 'b', measurepoints: { ActivePower: 2 }, time: 1732178700000 },
        ],
      },
      [`a ${at}: 1.8.0 = 1 kWh, - = 1.02`, `b ${at}: 16.7.0 = 2 kW`],
    ],
    ['Alibaba, a command', '/sys/pk/d/thing/service/property/set', { params: { Power: 1 } }, []],
    [
      'ThingsBoard, a device of its own',
      'v1/devices/m7/telemetry',
      { ts: 1732178700000, values: { kwh: 1.5 } },
      [`m7 ${at}: 1.8.0 = 1.5 kWh`],
    ],
    ['ThingsBoard, nobody knows whose', 'v1/devices/me/telemetry', { kwh: 1.5 }, []],
    [
      'Neuron, another topic',
      '/neuron/upload',
      { node: 'n', group: 'g', timestamp: 1732178700000, values: { kwh: 1 }, errors: { u: 3002 } },
      [`n/g ${at}: 1.8.0 = 1 kWh`],
    ],
    [
      'KEPServer, bad quality',
      'iotgateway',
      {
        timestamp: 1732178700000,
        values: [
          { id: 'A.M1.kwh', q: false, t: 1732178700000, v: 0 },
          { id: 'A.M2.kwh', q: true, t: 1732178700000, v: 5 },
        ],
      },
      [`A.M2 ${at}: 1.8.0 = 5 kWh`],
    ],
    [
      'IAMMETER, one phase',
      'device/E395/realtime',
      { SN: 'E395', Data: [235.6, 0.49, 89.0, 1234.567, 0.12, 50, 0.98] },
      [
        'E395 @ arrival: 32.7.0 = 235.6 V, 31.7.0 = 0.49 A, 16.7.0 = 89 W, 1.8.0 = 1234.567 kWh, 2.8.0 = 0.12 kWh, 14.7.0 = 50 Hz, 13.7.0 = 0.98',
      ],
    ],
    [
      'ChirpStack, EUI in capitals',
      'application/a/device/A84041FFFF000017/event/up',
      {
        time: '2024-11-21T08:45:00Z',
        deviceInfo: { devEui: 'a84041ffff000017' },
        object: { kwh: 327.67, power_factor: 0.98, current: 1.5 },
      },
      [`a84041ffff000017 ${at}: 1.8.0 = 327.67 kWh, 31.7.0 = 1.5 A, 13.7.0 = 0.98`],
    ],
    [
      'ChirpStack, Milesight of the newer codec',
      'application/a/device/24e1/event/up',
      {
        time: '2024-11-21T08:45:00Z',
        deviceInfo: { devEui: '24e1' },
        object: { voltage: 230.1, power_consumption: 1110, active_power: 30, power_factor: 82, current: 164 },
      },
      [`24e1 ${at}: 32.7.0 = 230.1 V, 1.8.0 = 1110 Wh, 16.7.0 = 30 W, 31.7.0 = 164 mA`],
    ],
    [
      'TTN, decoded',
      'v3/app@ttn/devices/meter-7/up',
      {
        end_device_ids: { device_id: 'meter-7' },
        received_at: '2024-11-21T08:45:03Z',
        uplink_message: { received_at: '2024-11-21T08:45:00Z', decoded_payload: { kwh: 1.5 } },
      },
      [`meter-7 ${at}: 1.8.0 = 1.5 kWh`],
    ],
    [
      'a DL/T 645 frame as hex in `payload`',
      'lora/gw9/up',
      { ts: 1732178700, payload: '68010000000000689108333333334C3533331D16' },
      [`000000000001 ${at}: 1.8.0 = 2.19 kWh`],
    ],
    ['ten digits as text', 'site/m1/json', { ts: '1732178700', kwh: '12.50' }, [`m1 ${at}: 1.8.0 = 12.50 kWh`]],
  ])('%s', (_, topic, payload, expected) => {
    const { records, refused } = outcomeOf(topic, payload)
    const lines = records.map(({ meter, measuredAt, flags, ct, pt, values }) => {
      const when = measuredAt === null ? 'arrival' : new Date(measuredAt).toISOString()
      const marks = [...flags, ...(ct ? [`ct ${ct}`] : []), ...(pt ? [`pt ${pt}`] : [])].map((mark) => ` ${mark}`).join('')
      const figures = values.map(({ obis, value, unit }) =>
        `${obis?.replace('1-0:', '') ?? '-'} = ${decimalText(value.raw, value.scaler)} ${unit ?? ''}`.trim(),
      )
      return `${meter} @ ${when}${marks}: ${figures.join(', ')}`
    })
    expect([lines, refused]).toEqual([expected, null])
  })

  it.each<[string, string, object | string | Uint8Array, object]>([
    ['Tasmota writes nan', 'tele/pow1/SENSOR', '{"ENERGY":{"Total":nan}}', { refused: { code: 'MQTT_JSON' } }],
    ['Zigbee2MQTT sets one attribute', 'zigbee2mqtt/plug/set/state', 'ON', { discard: 'downlink command, not a reading' }],
    ['Zigbee2MQTT of older releases', 'zigbee2mqtt/plug/availability', 'offline', { presence: [{ device: 'plug', online: false }] }],
    [
      'Acrel asks for the time',
      '/gw/acrelHW/adw300/time/007',
      { type: 'time' },
      {
        answers: [
          { topic: '/server/acrelHW/adw300/time/007', payload: new TextEncoder().encode('{"type":"time","time":"20241121170000"}') },
        ],
      },
    ],
    [
      'Neuron names its failures',
      '/neuron/upload',
      { node: 'n', group: 'g', errors: { u: 3002 }, values: {} },
      { failures: [{ device: 'n/g', item: 'u', code: '3002' }] },
    ],
    [
      'a PUSR frame names no register',
      'D4AD20B1C2D3/data',
      Uint8Array.from(Buffer.from('010404436680006FDF', 'hex')),
      {
        rule: 'rtu-transparent/raw-embedded-frame',
        records: [],
        frames: [{ checksumOk: true }],
        skipped: [{ error: { code: 'MODBUS_PLAN' } }],
      },
    ],
    [
      'a frame with a broken checksum',
      'lora/gw9/up',
      { data: '68010000000000689108333333334C3533331E16' },
      { records: [], frames: [{ checksumOk: false }], skipped: [{ error: { code: 'DLT645_CHECKSUM' } }] },
    ],
  ])('%s', (_, topic, payload, expected) => expect(outcomeOf(topic, payload)).toMatchObject(expected))
})

describe('mappings of a site', () => {
  const own = (id: string, members = "meter: '{meter}', values: [{ path: $.kwh, obis: 1.8.0, unit: kWh }]") =>
    `id: ${id}\ntitle: own\nsource: this test\nrules: [{ id: a, topic: 'own/{meter}', ${members} }]\nexamples: [{ name: none, topic: x, text: '1', expect: { discard: no-topic } }]\n`
  const opened = (files: Readonly<Record<string, string>>, only?: ReadonlySet<string>) => {
    const directory = scratch()
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
    return openMappings(directory, world, only)
  }
  it('stand beside the shipped ones and go before one of the same id', () => {
    const found = opened({ 'hall.yaml': own('hall'), 'tasmota.yml': own('tasmota') })
    expect([found.problems, found.get('hall')?.content.title, found.get('tasmota')?.content.title, found.get('ttn')?.content.id]).toEqual([
      [],
      'own',
      'own',
      'ttn',
    ])
  })
  it('a broken one is named and does not stop the others, nor does the shipped one take its place', () => {
    const found = opened({ 'hall.yaml': own('hall'), 'tasmota.yaml': own('tasmota', 'metr: x'), 'yard.yaml': own('garden') })
    expect(found.problems.map(({ file, line, path, message }) => [file.split('/').at(-1), line, path, message.split(';')[0]])).toEqual([
      ['tasmota.yaml', 4, '/rules/0/metr', expect.stringContaining('unknown')],
      ['yard.yaml', 1, '/id', 'is "garden"'],
    ])
    expect([found.get('hall')?.content.id, found.get('tasmota'), found.get('garden'), found.ids.includes('tasmota')]).toEqual([
      'hall',
      undefined,
      undefined,
      true,
    ])
  })
  it('are opened only where they are asked for', () => expect(opened({ 'hall.yaml': 'no mapping' }, new Set(['ttn'])).problems).toEqual([]))
})
