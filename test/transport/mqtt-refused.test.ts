import { expect, it } from 'vitest'
import { Subscriptions } from '../../src/transport/mqtt-subscriptions.ts'

const GRANTED = 1
const QOS_0 = 0
const NOT_AUTHORIZED = 0x87

const subscriptions = (...filters: string[]): Subscriptions => {
  const made = new Subscriptions(null)
  made.want(filters, [], 'gridtally')
  return made
}

it('says which filter was refused, which only waits, and which is granted with less', () => {
  const made = subscriptions('yes', 'no', 'later', 'less', 'a+')
  made.open(0)
  made.answered(0, 'yes', GRANTED, '')
  made.answered(0, 'no', NOT_AUTHORIZED, 'not authorized')
  made.answered(0, 'less', QOS_0, '')
  expect(made.state()).toEqual([
    { filter: 'yes', granted: true, refused: false, reason: null },
    { filter: 'no', granted: false, refused: true, reason: expect.stringMatching(/^MQTT_SUBSCRIBE .*"no": not authorized; /) },
    { filter: 'later', granted: false, refused: false, reason: 'the broker has not answered yet' },
    { filter: 'less', granted: true, refused: false, reason: expect.stringContaining('QoS 0 only') },
    { filter: 'a+', granted: false, refused: true, reason: expect.stringMatching(/^MQTT_SUBSCRIBE "a\+" is no filter/) },
  ])
})

it('is refused when one connection of several is, and shows that reason before any other', () => {
  const made = subscriptions('m')
  made.open(0)
  made.open(1)
  made.answered(0, 'm', QOS_0, '')
  expect(made.state()).toMatchObject([{ granted: false, refused: false }])
  made.answered(1, 'm', NOT_AUTHORIZED, 'not authorized')
  expect(made.state()).toMatchObject([{ granted: false, refused: true, reason: expect.stringContaining('not authorized') }])
})

it('is open again when the connection that was refused is gone', () => {
  const made = subscriptions('m')
  made.open(0)
  made.answered(0, 'm', NOT_AUTHORIZED, 'not authorized')
  made.close(0)
  expect(made.state()).toMatchObject([{ granted: false, refused: false }])
  made.open(0)
  expect(made.plan(0).subscribe).toEqual(['m'])
})
