import { expect, it } from 'vitest'
import { eventOf } from '../../src/gateway/analysis-build.ts'
import { eventWord } from '../../src/gateway/event-words.ts'
import { eventReading } from '../../src/gateway/push-events.ts'

it.each([
  ['开表盖', 'cover_open'],
  ['Cover Open', 'cover_open'],
  ['coverOpened', 'cover_open'],
  ['cover_open', 'cover_open'],
  ['上1次开表盖记录', 'cover_open'],
  ['03300D01', 'cover_open'],
  ['0x03300e00', 'terminal_cover_open'],
  ['1st last terminal-cover-open record', 'terminal_cover_open'],
  ['恒定磁场干扰', 'magnetic_field'],
  ['03350001', 'magnetic_field'],
  ['编程记录', 'programming'],
  ['校时', 'clock_set'],
  ['掉电', 'power_off'],
  ['03110001', 'power_off'],
  ['last_gasp', 'power_off'],
  ['停电事件', 'power_off'],
  ['上电', 'power_on'],
  ['power-down', 'power_off'],
  ['换表工单', 'meter_exchange_work_order'],
  ['电表清零', 'register_clear'],
  ['1D000001', 'relay_open'],
  ['电压越限', '电压越限'],
  ['PUSH_CLOCK', 'PUSH_CLOCK'],
  ['10000', '10000'],
  ['', ''],
])('%s is %s', (code, word) => expect(eventWord(code)).toBe(word))

it('detectors are told the word, the row keeps what the meter said', () => {
  const reading = eventReading({ meter: 'M1', point: 'P1', area: 'A1' }, '开端钮盖', 1000, 2000, { isRegistered: true })
  expect(reading.series.tags.code).toBe('开端钮盖')
  expect(eventOf(reading)).toEqual({ id: 'P1', at: 1000, event: 'terminal_cover_open' })
})
