import { expect, it } from 'vitest'
import { casesOf, isRange, notifyOf } from '../../src/config/index.ts'

const read = (file: Parameters<typeof notifyOf>[0], environment: NodeJS.ProcessEnv = {}) => {
  const wrong: string[] = []
  const value = notifyOf(file, ['scada'], environment, (path, message) => wrong.push(`${path.join('/')} ${message}`))
  return { value, wrong }
}

it('tells nobody when nothing is said, and has deadlines', () => {
  expect(read(undefined)).toMatchObject({ wrong: [], value: { quiet: null, digestMs: 60_000, webhooks: [], mqtt: [] } })
  expect(casesOf({ deadlines: { high: 2, info: null } })).toEqual({ deadlines: { critical: 1, high: 2, medium: 5, low: 10, info: null } })
})

it('fills in what was left out, and takes secrets from the environment without showing them', () => {
  const { value, wrong } = read(
    {
      quietHours: {},
      webhooks: [{ id: 'ops', url: 'https://hooks.example/x', secret: `$${'{HOOK}'}` }],
      mqtt: [{ id: 'cases', broker: 'scada', least: 'high' }],
    },
    { HOOK: 's3cret' },
  )
  expect(wrong).toEqual([])
  expect(value).toMatchObject({
    quiet: { fromMin: 1320, toMin: 420, breakThrough: 'critical' },
    webhooks: [{ id: 'ops', events: ['opened', 'reopened', 'grew', 'withdrawn', 'escalated'], least: 'low', timeoutMs: 10_000, allow: [] }],
    mqtt: [{ topic: 'gridtally/{gateway}/cases', least: 'high' }],
  })
  expect(value.webhooks[0]?.secret?.reveal()).toBe('s3cret')
  expect(JSON.stringify(value)).not.toContain('s3cret')
})

const url = 'https://hooks.example/'
it.each([
  [{ mqtt: [{ id: 'a', broker: 'nobody' }] }, 'notify/mqtt/0/broker is "nobody", which is no broker under publish: expected scada'],
  [{ webhooks: [{ id: 'a', url }], mqtt: [{ id: 'a', broker: 'scada' }] }, 'notify/mqtt/0/id is "a", which is there twice'],
  [
    { webhooks: [{ id: 'a', url, allow: ['10.0.0.0/8', 'hall'] }] },
    'notify/webhooks/0/allow/1 is "hall", which is no address and no range',
  ],
  [{ webhooks: [{ id: 'a', url: 'http://[::' }] }, 'notify/webhooks/0/url is "http://[::", which is no URL'],
  [
    { webhooks: [{ id: 'a', url, secret: `$${'{HOOK}'}` }] },
    'notify/webhooks/0/secret takes its value from the environment, but HOOK is not set',
  ],
  [
    { mqtt: [{ id: 'a', broker: 'scada', topic: 'x/{area}/{zone}' }] },
    'notify/mqtt/0/topic is "x/{area}/{zone}", where "{area}" is nothing that is filled in: {gateway} and {zone} are',
  ],
  [{ mqtt: [{ id: 'a', broker: 'scada', topic: 'x/zone}' }] }, 'where "}" is nothing that is filled in'],
  [
    { mqtt: [{ id: 'a', broker: 'scada', topic: '$SYS/x' }] },
    'notify/mqtt/0/topic is "$SYS/x": topics that begin with $ belong to the broker',
  ],
  [
    { mqtt: [{ id: 'a', broker: 'scada', topic: 'x/{zone}', about: ['cases', 'health'] }] },
    'notify/mqtt/0/topic is "x/{zone}", and billing and health are of no zone',
  ],
  [{ quietHours: { from: '07:00', to: '07:00' } }, 'notify/quietHours/to is the same as from'],
] as readonly (readonly [NonNullable<Parameters<typeof notifyOf>[0]>, string])[])('refuses %j', (file, message) =>
  expect(read(file).wrong).toEqual([expect.stringContaining(message)]),
)

it('takes an address with a token from elsewhere, and shows it nowhere, not even where it is none', () => {
  const from = (text: string) => read({ webhooks: [{ id: 'a', url: `$${'{HOOK}'}` }] }, { HOOK: text })
  const { value, wrong } = from('https://hooks.example/canary-1?t=canary-2')
  expect([value.webhooks[0]?.url.reveal(), wrong]).toEqual(['https://hooks.example/canary-1?t=canary-2', []])
  expect(`${JSON.stringify(value)} ${value.webhooks[0]?.url}`).not.toContain('canary')
  for (const text of ['ftp://x/canary-3', 'canary-3', 'https://user:canary-3@hooks.example/', 'https://[canary-3/'])
    expect(from(text).wrong).toEqual(['notify/webhooks/0/url is no URL: expected https://host/path, without user and password'])
})

it('takes what somebody is told of, and a secret for a broker', () => {
  const { value } = read({
    keepMost: 50,
    webhooks: [{ id: 'a', url, about: ['billing', 'health'] }],
    mqtt: [{ id: 'b', broker: 'scada', secret: 's3cret' }],
  })
  expect(value).toMatchObject({ keepMost: 50, webhooks: [{ about: ['billing', 'health'] }], mqtt: [{ about: ['cases'] }] })
  expect(value.mqtt[0]?.secret?.reveal()).toBe('s3cret')
})

it('knows a range', () => expect(['10.1.2.3/32', '10.1.2.3/33', '::1', 'x'].map(isRange)).toEqual([true, false, true, false]))
