import { BinaryReader } from '@bufbuild/protobuf/wire'
import { describe, expect, it } from 'vitest'
import { FAMILY_IDS, type FamilyId, familyOf, pushAddressOf, pushTopicOf } from '../../../simulators/index.ts'
import { crc, hexText, takeApart } from '../tools.ts'
import { deviceFor, instrumentOf, now, reportOf, spoken } from './tools.ts'

const SECONDS = now / 1000
const LOCAL = '2026-11-21T20:34:56'
const meter = instrumentOf('M0007', 1)
const shop = instrumentOf('M0007', 3)
/** Cut to so many decimals, as text: registers never show more than has been counted. */
const cut = (wattSeconds: number, unit: number, places: number): string => {
  const whole = String(Math.floor(wattSeconds / (unit / 10 ** places))).padStart(places + 1, '0')
  return `${whole.slice(0, -places)}.${whole.slice(-places)}`
}
const kwh = (places = 2, of = meter, channel: 1 | 2 = 1) => cut(of.energy(channel, 0, 0, now), 3_600_000, places)
const wh = (of = meter, channel: 1 | 2 = 1, element = 0) => cut(of.energy(channel, element, 0, now), 3600, 2)
const watts = (of = meter, element = 0) => of.watts(element, now)
const volts = (of = meter, element = 1, places = 1) => of.volts(element, now).toFixed(places)
const amps = (of = meter, element = 1, places = 3) => of.amps(element, now).toFixed(places)
const HERTZ = /"(?:Frequency|frequency)":(\d\d\.\d\d)/

describe('a message', () => {
  it('of a Tasmota plug holds local time, numbers of the meter and its radio', () => {
    const [state, sensor] = spoken('tasmota', 1).texts
    expect(state?.[0]).toBe('tele/plug-M0007/STATE')
    expect(JSON.parse(state?.[1] ?? '')).toMatchObject({ Time: LOCAL, Wifi: { Signal: expect.any(Number), RSSI: expect.any(Number) } })
    expect(sensor?.[0]).toBe('tele/plug-M0007/SENSOR')
    expect(sensor?.[1].replace(HERTZ, '"Frequency":F')).toBe(
      `{"Time":"${LOCAL}","ENERGY":{"TotalStartTime":"2020-01-06T00:00:00","Total":${kwh(3)},"ExportActive":${kwh(3, meter, 2)},` +
        `"Power":${watts()},"Frequency":F,"Voltage":${volts(meter, 1, 0)},"Current":${amps()}}}`,
    )
  })

  it('of a Zigbee plug is whole once in three, else a part; the name has a blank', () => {
    const [[topic, text]] = spoken('zigbee2mqtt', 1).texts as [readonly [string, string]]
    expect(topic).toBe('zigbee2mqtt/Meter M0007')
    expect(text).toMatch(
      new RegExp(
        `^{"current":${amps(meter, 1, 2)},"energy":${kwh()},"linkquality":\\d+,"power":${watts()}.00,"state":"ON","voltage":${volts()}0}$`,
      ),
    )
    expect(Object.keys(JSON.parse(spoken('zigbee2mqtt', 1, 1).texts[0]?.[1] ?? ''))).toEqual(['current', 'energy', 'linkquality', 'power'])
    expect(Object.keys(JSON.parse(spoken('zigbee2mqtt', 1, 2).texts[0]?.[1] ?? ''))).toEqual(['energy', 'linkquality', 'voltage'])
  })

  it('of a Shelly generation 2 is a delta, then the component, both in Wh', () => {
    const { texts, device } = spoken('shelly-gen2', 1)
    const minute = Math.floor(SECONDS / 60) * 60
    const energy = `"aenergy":{"total":${wh()},"by_minute":[0,0,0],"minute_ts":${minute}}`
    expect(texts).toEqual([
      [
        `${device.address}/events/rpc`,
        `{"src":"${device.address}","dst":"${device.address}/events","method":"NotifyStatus","params":{"ts":${SECONDS},"switch:0":{"id":0,"apower":${watts()}.0,${energy}}}}`,
      ],
      [
        `${device.address}/status/switch:0`,
        `{"id":0,"source":"init","output":true,"apower":${watts()}.0,"voltage":${volts()},"current":${amps()},${energy}}`,
      ],
    ])
  })

  it('of a three-phase Shelly holds each phase and the sums', () => {
    const { texts, device } = spoken('shelly-3em-pro', 3)
    expect(texts.map(([topic]) => topic)).toEqual([`${device.address}/status/em:0`, `${device.address}/status/emdata:0`])
    expect(texts[0]?.[1]).toContain(`"b_current":${amps(shop, 2)},"b_voltage":${volts(shop, 2)},"b_act_power":${watts(shop, 2)}.0`)
    expect(texts[0]?.[1]).toContain(`"total_act_power":${watts(shop)}.000`)
    expect(texts[1]?.[1]).toContain(`"c_total_act_energy":${wh(shop, 1, 3)},"c_total_act_ret_energy":0.00`)
    expect(texts[1]?.[1]).toContain(`"total_act":${wh(shop)},"total_act_ret":${wh(shop, 2)}`)
  })

  it('of a Shelly generation 1 is a bare number', () => {
    const { texts, device } = spoken('shelly-gen1', 3)
    const at = new Map(texts)
    expect(at.get(`shellies/${device.address}/emeter/1/power`)).toBe(`${watts(shop, 2)}.00`)
    expect(at.get(`shellies/${device.address}/emeter/2/total`)).toBe(cut(shop.energy(1, 3, 0, now), 3600, 1))
    expect(at.get(`shellies/${device.address}/emeter/0/voltage`)).toBe(`${volts(shop)}0`)
  })

  it('of a Z-Wave outlet says its quantity in the topic', () =>
    expect(spoken('zwave-js', 1).texts).toEqual(
      [
        [65537, kwh(3)],
        [66049, `${watts()}.000`],
        [66561, `${volts()}0`],
        [66817, amps()],
      ].map(([id, value]) => [`zwave/outlet_M0007/meter/endpoint_0/value/${id}`, `{"time":${now},"value":${value}}`]),
    ))

  it('of a single-phase IAMMETER is one row', () =>
    expect(spoken('iammeter', 1).texts[0]?.[1]).toContain(
      `"SN":"E3950007","Data":[${volts()},${amps(meter, 1, 1)},${watts()},${kwh()},${kwh(2, meter, 2)}]}`,
    ))

  it('of a three-phase IAMMETER has a row a phase', () => {
    const [[topic, text]] = spoken('iammeter-3', 3).texts as [readonly [string, string]]
    expect(topic).toBe('device/T3950007/realtime')
    const { Datas } = JSON.parse(text)
    expect(Datas).toHaveLength(3)
    expect(Datas[1].slice(0, 5)).toEqual(
      [volts(shop, 2), amps(shop, 2, 1), watts(shop, 2), cut(shop.energy(1, 2, 0, now), 3_600_000, 2), 0].map(Number),
    )
  })

  it('of an Acrel meter is of the secondary side, with its ratios', () => {
    const behind = instrumentOf('M0007', 3, 80)
    const [[topic, text]] = spoken('acrel', 3, 0, 80).texts as [readonly [string, string]]
    expect(topic).toBe('/gw/acrelHW/adw300/data/12209200000007')
    expect(text).toContain('{"type":"data","time":"20261121203456","gwSN":"12209200000007","meterSN":"12209200000007"')
    expect(text).toContain(`"ua":${volts(behind)},"ia":${(behind.amps(1, now) / 80).toFixed(3)}`)
    expect(text).toContain(
      `"p":${(watts(behind) / 80_000).toFixed(3)},"wh":${cut(behind.energy(1, 0, 0, now), 3_600_000 * 80, 2)},"pt":1,"ct":80}`,
    )
  })

  it('of a transparent serial server is an RTU answer and nothing else', () => {
    const { drafts, device } = spoken('pusr-rtu', 1)
    const bytes = Buffer.from(drafts[0]?.payload ?? [])
    expect(`${drafts[0]?.topic}`).toBe(device.address.replace('/1', '/data'))
    expect([...bytes.subarray(0, 3)]).toEqual([1, 4, 152])
    const at = (register: number) => bytes.readFloatBE(3 + 2 * register)
    expect([at(0), at(12), at(72), at(74)]).toEqual([volts(), watts(), kwh(), kwh(2, meter, 2)].map((text) => Math.fround(Number(text))))
    expect(hexText(bytes.subarray(-2))).toBe(hexText(crc(bytes.subarray(0, -2))))
  })

  it('of a PUSR gateway quotes its numbers', () => {
    const { texts } = spoken('pusr-json', 1)
    expect(texts[0]?.[0]).toBe('/up/10007')
    expect(JSON.parse(texts[0]?.[1] ?? '').rw_prot).toMatchObject({ dir: 'up', id: '10007' })
    expect(texts[0]?.[1]).toContain(`{"name":"kWh","value":"${kwh()}","err":"0"}`)
    expect(texts[0]?.[1]).toContain('{"name":"Ub","value":"","err":"1"}')
  })

  it('of CET is a list with Chinese keys, now and then an event in it', () => {
    const text = (number: number) => spoken('cet', 1, number).texts[0]?.[1] ?? ''
    expect(text(0)).toContain(`"location_code":"loc-M0007","ts ":${SECONDS},`)
    expect(text(0)).toContain(`{"type":"AI","key":"正向有功电能","value":${kwh()},"unit":"kWh","timestamp":${SECONDS}}`)
    expect(text(0)).not.toContain('SOE')
    expect(text(7)).toContain('{"type":"SOE","key":"电压越限","value":1,')
  })

  it('of a frame forwarder carries a DL/T 645 answer for each register', () => {
    const { texts } = spoken('dtu-frame', 1)
    const frames = texts.map(([, text]) => takeApart(Buffer.from(JSON.parse(text).data, 'base64')))
    expect(frames.map(({ address, control }) => [address, control])).toEqual(Array(2).fill(['000000000007', 0x91]))
    expect(frames.map(({ data }) => Buffer.from(data.slice(0, 4)).reverse().toString('hex'))).toEqual(['00010000', '00020000'])
    expect(
      Buffer.from(frames[0]?.data.slice(4) ?? [])
        .reverse()
        .toString('hex'),
    ).toBe(kwh().replace('.', '').padStart(8, '0'))
    expect(JSON.parse(texts[0]?.[1] ?? '')).toMatchObject({ gw: 'gw7', ts: now })
  })

  it('of the plainest kind is time and energy', () =>
    expect(spoken('site-json', 1).texts).toEqual([['site/m0007/json', `{"ts":${now},"kwh":${kwh(3)}}`]]))

  const values = `"kwh":${kwh(2, shop)},"kwh_export":0.00,"power_total_w":${watts(shop)},"voltage_l1":${volts(shop)},"voltage_l2":${volts(shop, 2)},"voltage_l3":${volts(shop, 3)},"current_l1":${amps(shop)},"current_l2":${amps(shop, 2)},"current_l3":${amps(shop, 3)},"frequency":F`
  const forward = values.replace('"kwh"', '"kwh_forward"').replace('kwh_export', 'kwh_reverse')
  const decodedAt = '2026-11-21T12:34:56.000927957'
  it.each<readonly [FamilyId, string, string]>([
    [
      'neuron',
      '/neuron/mqtt/modbus/M0007',
      `{"timestamp":${now},"node":"modbus","group":"M0007","values":{${values}},"errors":{"temperature":2014},"metas":{}}`,
    ],
    ['thingsboard', 'v1/gateway/telemetry', `{"Meter M0007":[{"ts":${now},"values":{${values}}}]}`],
    ['chirpstack', 'application/a1/device/a84041ffff000007/event/up', `"time":"${decodedAt}+00:00"`],
    ['chirpstack', 'application/a1/device/a84041ffff000007/event/up', `"object":{${forward}}}`],
    ['ttn', 'v3/village@ttn/devices/meter-m0007/up', `"f_port":2,"f_cnt":0,"decoded_payload":{${values}},"received_at":"${decodedAt}Z"}}`],
    ['kepserver', 'iotgateway', `{"id":"Village.M0007.kwh","v":${kwh(2, shop)},"q":true,"t":${now}}`],
    [
      'neuron-tags',
      '/neuron/mqtt/bacnet/M0007',
      `{"node":"bacnet","group":"M0007","tags":[{"name":"kwh","value":${kwh(2, shop)}}`.replace('{"node"', `{"timestamp":${now},"node"`),
    ],
  ])('of %s has the keys of the site', (family, topic, part) => {
    const [said] = spoken(family, 3).texts
    expect(said?.[0]).toBe(topic)
    expect(said?.[1].replace(HERTZ, '"frequency":F')).toContain(part)
    expect(() => JSON.parse(said?.[1] ?? '')).not.toThrow()
  })

  it('of an Alibaba gateway speaks for all its sub-devices', () => {
    const devices = ['M0001', 'M0002'].map((id) => deviceFor('alibaba', id, 1))
    const drafts = familyOf('alibaba')
      ?.talk(devices)
      .report(devices.map((device) => reportOf(device)))
    expect(drafts).toHaveLength(1)
    const subDevices = JSON.parse(Buffer.from(drafts?.[0]?.payload ?? []).toString()).params.subDevices
    expect(subDevices).toMatchObject(
      devices.map(({ meter: id, instrument }) => ({
        identity: { productKey: 'pkB', deviceName: `meter${id}` },
        properties: { EnergyTotal: { value: Number(kwh(2, instrument)), time: now }, Power: { time: now } },
      })),
    )
  })
})

/** Fields of a Sparkplug payload, read by the foreign protobuf library. */
const fields = (bytes: Uint8Array): (readonly [id: number, value: bigint | Uint8Array | number])[] => {
  const reader = new BinaryReader(bytes)
  const list: (readonly [number, bigint | Uint8Array | number])[] = []
  while (reader.pos < reader.len) {
    const [id, type] = reader.tag()
    list.push([id, type === 0 ? BigInt(reader.uint64()) : type === 5 ? reader.float() : reader.bytes()])
  }
  return list
}
const textIn = (value: unknown): string => (value instanceof Uint8Array ? Buffer.from(value).toString() : '')
const metricsIn = (bytes: Uint8Array) =>
  fields(bytes).flatMap(([id, value]) => (id === 2 && value instanceof Uint8Array ? [new Map(fields(value))] : []))
const seqIn = (bytes: Uint8Array) => fields(bytes).find(([id]) => id === 3)?.[1]

describe('a Sparkplug node', () => {
  const devices = ['M0007', 'M0008'].map((id) => deviceFor('sparkplug', id, 3))
  const begin = () => {
    const talk = familyOf('sparkplug')!.talk(devices)
    const will = talk.will(now)!
    return { talk, will, births: talk.hello(devices.map((device) => reportOf(device))) }
  }

  it('is born with its meters: names, aliases, units, codes, values', () => {
    const { will, births } = begin()
    expect(will).toMatchObject({ topic: 'spBv1.0/Village/NDEATH/GW01', qos: 1 })
    expect(births.map(({ topic }) => topic)).toEqual(
      ['NBIRTH/GW01', 'DBIRTH/GW01/M0007', 'DBIRTH/GW01/M0008'].map((end) => `spBv1.0/Village/${end}`),
    )
    expect(births.map(({ payload }) => seqIn(payload))).toEqual([0n, 1n, 2n])
    const [death, node] = [metricsIn(will.payload), metricsIn(births[0]!.payload)]
    expect(node.map((metric) => textIn(metric.get(1)))).toEqual([
      'bdSeq',
      'Node Control/Rebirth',
      'Properties/Firmware',
      'Properties/Signal dBm',
    ])
    expect(death[0]?.get(11)).toBe(node[0]?.get(11))
    const energy = metricsIn(births[1]!.payload)[1]!
    expect([textIn(energy.get(1)), energy.get(3), energy.get(4)]).toEqual(['Energy/Active Import', BigInt(now), 8n])
    expect(energy.get(11)).toBe(BigInt(Math.floor(devices[0]!.instrument.energy(1, 0, 0, now) / 3600)))
    expect(textIn(energy.get(9))).toContain('engUnit')
    expect(textIn(energy.get(9))).toContain('1-0:1.8.0')
    const aliases = births.flatMap(({ payload }) => metricsIn(payload).flatMap((metric) => metric.get(2) ?? []))
    expect(new Set(aliases).size).toBe(aliases.length)
  })

  it('then speaks by alias only, counting on, and 0 comes after 255', () => {
    const { talk, births } = begin()
    const names = new Map(metricsIn(births[1]!.payload).map((metric) => [metric.get(2), textIn(metric.get(1))]))
    const [data] = talk.report([reportOf(devices[0]!)])
    expect(data).toMatchObject({ topic: 'spBv1.0/Village/DDATA/GW01/M0007', qos: 0, retain: false })
    const metrics = metricsIn(data!.payload)
    expect(metrics.every((metric) => metric.get(1) === undefined)).toBe(true)
    expect(metrics.map((metric) => names.get(metric.get(2)))).toContain('Voltage/L2')
    expect(metrics.find((metric) => names.get(metric.get(2)) === 'Voltage/L2')?.get(12)).toBe(
      Math.fround(devices[0]!.instrument.volts(2, now)),
    )
    let last = data!
    for (let count = 4; count <= 256; count++) last = talk.report([reportOf(devices[1]!)])[0]!
    expect(seqIn(last.payload)).toBe(0n)
  })

  it('is born again when asked, with the same bdSeq, and with the next one in a new session', () => {
    const { talk, births } = begin()
    // The command of a foreign host: Node Control/Rebirth = true, then false.
    const command = (value: string) => Buffer.from(`0880d8c1a28c34121a0a144e6f646520436f6e74726f6c2f52656269727468200b70${value}`, 'hex')
    expect(talk.hear('spBv1.0/Village/NCMD/GW01', command('01'))).toBe('hello')
    expect(talk.hear('spBv1.0/Village/NCMD/GW01', command('00'))).toBeNull()
    expect(talk.hear('spBv1.0/Village/NCMD/GW01', Buffer.from([0x12, 0xff]))).toBeNull()
    const again = talk.hello(devices.map((device) => reportOf(device)))
    expect(again[0]?.payload).toEqual(births[0]?.payload)
    expect(metricsIn(talk.will(now)!.payload)[0]?.get(11)).toBe(1n)
  })
})

describe('a family', () => {
  it.each(FAMILY_IDS)('%s names its meters differently and logs exactly what it writes', (id) => {
    expect(new Set(['M0001', 'M0002', 'M0060'].map((one) => pushAddressOf(id, one))).size).toBe(3)
    expect(pushTopicOf(id, 'M0001')).not.toBe('')
    const { drafts } = spoken(id, familyOf(id)?.phases.includes(3) ? 3 : 1)
    const said = drafts.flatMap((draft) => draft.said)
    expect(said.length).toBeGreaterThan(0)
    expect(said.some(({ obis }) => obis === '1-0:1.8.0')).toBe(familyOf(id)?.totals)
    expect(said.some(({ obis }) => obis === '1-0:2.8.0')).toBe(familyOf(id)?.exports)
    for (const draft of drafts)
      if (draft.payload[0] === 0x7b && id !== 'dtu-frame')
        for (const { text } of draft.said) expect(Buffer.from(draft.payload).toString()).toContain(text)
  })
})
