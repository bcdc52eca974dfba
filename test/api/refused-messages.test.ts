import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { headJson } from '../../src/api/routes/refused-messages.ts'
import { api, asOperator, asReader, errorOf, fail, NOW, refusal, refusedOf } from './fake.ts'

const LIST = '/api/v1/refused-messages'
const json = { ...asOperator, 'content-type': 'application/json' }

it('lists a message with its reason and the beginning of its payload', async () => {
  const { app } = await api()
  const { items } = (await app.inject({ url: `${LIST}?limit=1`, headers: asReader })).json()
  expect(items).toEqual([
    {
      ...{ id: 1, broker: 'plant', topic: 'tele/boiler/SENSOR', bytes: 5, head: { text: '{"a":', hex: null } },
      ...{ at: new Date(NOW - 1).toISOString(), retained: false, replayable: true },
      error: { code: 'PROFILE_LACKS', message: 'no JSON', hint: 'choose another register' },
    },
  ])
})

it.each([
  ['', [1, 2, 3, 4, 5, 6, 7]],
  ['broker=other', [7]],
  ['broker=nowhere', []],
  ['after=5', [6, 7]],
  ['after=2&limit=2', [3, 4]],
])('lists with "%s"', async (query, ids) => {
  const { app } = await api()
  const { items } = (await app.inject({ url: `${LIST}?${query}`, headers: asReader })).json()
  expect(items.map(({ id }: { id: number }) => id)).toEqual(ids)
})

it('walks all of a broker once in pages', async () => {
  const { app } = await api()
  const seen: number[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = { broker: 'plant', limit: '4', ...(cursor ? { cursor } : {}) }
    const page: { items: { id: number }[]; next: string | null } = (await app.inject({ url: LIST, query, headers: asReader })).json()
    seen.push(...page.items.map(({ id }) => id))
    cursor = page.next
  }
  expect(seen).toEqual([1, 2, 3, 4, 5, 6])
})

it.each([
  ['limit=0', 'API_VALUE'],
  ['limit=1001', 'API_VALUE'],
  ['after=-1', 'API_VALUE'],
  ['after=x', 'API_VALUE'],
  ['cursor=nonsense', 'API_CURSOR'],
])('refuses %s', async (query, code) => {
  const { app } = await api()
  const answer = await app.inject({ url: `${LIST}?${query}`, headers: asReader })
  expect([answer.statusCode, answer.json().code]).toEqual([400, code])
})

it('writes a hostile topic and message so that every client reads them back', async () => {
  const { app, refused } = await api()
  const topic = '\u0000"}\u202e\ud800\n<script>'
  refused.splice(0, refused.length, refusedOf(1, { topic, error: errorOf(fail('LINE_BUSY', topic)) }))
  const { items } = (await app.inject({ url: LIST, headers: asReader })).json()
  expect([items[0].topic, items[0].error.message]).toEqual([topic, topic])
})

describe('the beginning of a payload', () => {
  const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

  it.each([
    ['text', Buffer.from('{"ua":"台区"}'), '{"ua":"台区"}'],
    ['nothing', Buffer.alloc(0), ''],
    ['indented JSON', Buffer.from('{\r\n\t"a": 1\n}'), '{\r\n\t"a": 1\n}'],
    ['text with a byte order mark', Buffer.from('\ufeff{}'), '\ufeff{}'],
  ])('is %s', (_, payload, text) => expect(headJson(payload, payload.length)).toEqual({ text, hex: null }))

  it.each([
    ['a frame', '68 42 00 15 08 26 20 68', '68 42 00 15 08 26 20 68'],
    ['an escape character', '7B 1B 5B 7D', '7B 1B 5B 7D'],
    ['a zero', '41 00', '41 00'],
    ['a C1 control character', 'C2 9B', 'C2 9B'],
    ['a turn of the direction of writing', '61 E2 80 AE 62', '61 E2 80 AE 62'],
    ['an overlong zero', 'C0 80', 'C0 80'],
    ['half a pair', 'ED A0 80', 'ED A0 80'],
    ['a character cut by its sender', '61 E5 8F', '61 E5 8F'],
  ])('is hexadecimal for %s', (_, hex, shown) => expect(headJson(bytes(hex), bytes(hex).length)).toEqual({ text: null, hex: shown }))

  it.each(['é', '台', '🔌'])('does not end in half of %s', (one) => {
    for (let before = 196; before <= 201; before++) {
      const payload = Buffer.from('a'.repeat(before) + one.repeat(20))
      const { text, hex } = headJson(payload, payload.length)
      expect(hex).toBeNull()
      expect(text).toMatch(new RegExp(`^a{${Math.min(before, 200)}}(${one})*$`, 'u'))
      expect(Buffer.byteLength(text ?? '')).toBeGreaterThan(196)
    }
  })

  it('is 200 bytes at most, and exactly one of both', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 260 }), fc.nat(100), (payload, more) => {
        const { text, hex } = headJson(payload, payload.length + more)
        expect((text === null) !== (hex === null)).toBe(true)
        if (text !== null) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(200)
        else expect(hex?.split(' ')).toHaveLength(Math.min(200, payload.length))
      }),
    ))
})

describe('what a person does with them', () => {
  it.each([
    ['replay', { ids: [3, 5] }, { replayed: 2, left: 0 }],
    ['replay', { all: true }, { replayed: 5, left: 2 }],
    ['discard', { ids: [3, 5, 6] }, { discarded: 3 }],
    ['discard', { all: true }, { discarded: 7 }],
  ])('%s %j', async (what, payload, answer) => {
    const { app } = await api()
    const given = await app.inject({ method: 'POST', url: `${LIST}/${what}`, headers: json, payload })
    expect([given.statusCode, given.json()]).toEqual([200, answer])
  })

  const BAD = [{}, { all: false }, { ids: [] }, { ids: ['3'] }, { ids: [0] }, { ids: [1.5] }, { ids: [1], all: true }, { id: 1 }]
  it.each(['replay', 'discard'].flatMap((what) => BAD.map((payload) => [what, payload] as const)))(
    'refuses to %s %j',
    async (what, payload) => {
      const { app } = await api()
      const answer = await app.inject({ method: 'POST', url: `${LIST}/${what}`, headers: json, payload })
      expect([answer.statusCode, answer.json().code]).toEqual([400, 'API_VALUE'])
    },
  )

  it.each(['replay', 'discard'])('needs a token that may operate to %s', async (what) => {
    const asked: unknown[] = []
    const note = async (ids: unknown) => {
      asked.push(ids)
      return refusal('busy', errorOf(fail('LINE_BUSY', 'never')))
    }
    const { app } = await api({ replayRefused: note, discardRefused: note })
    const ask = async (headers: Record<string, string>) =>
      (await app.inject({ method: 'POST', url: `${LIST}/${what}`, headers, payload: { all: true } })).statusCode
    expect([await ask({}), await ask({ ...asReader })]).toEqual([401, 403])
    expect(asked).toEqual([])
  })

  it.each([
    ['replay', 'replayRefused'],
    ['discard', 'discardRefused'],
  ])('says why it could not %s', async (what, part) => {
    const { app } = await api({ [part]: async () => refusal('unavailable', errorOf(fail('STORE_CLOSED', 'the disk is full'))) })
    const answer = await app.inject({ method: 'POST', url: `${LIST}/${what}`, headers: json, payload: { all: true } })
    expect([answer.statusCode, answer.headers['retry-after'], answer.json()]).toEqual([
      503,
      '5',
      expect.objectContaining({ code: 'STORE_CLOSED', detail: 'the disk is full', hint: 'free the disk' }),
    ])
  })

  it.each([
    ['replay', 'replayRefused'],
    ['discard', 'discardRefused'],
  ])('does not wait for ever to %s', async (what, part) => {
    const { app } = await api({ [part]: () => new Promise<never>(() => {}) }, { answerTimeoutMs: 20 })
    const answer = await app.inject({ method: 'POST', url: `${LIST}/${what}`, headers: json, payload: { all: true } })
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'API_LATE'])
  })
})
