import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openInfluxStore } from '../../src/store/influx/index.ts'
import { setUpRollups } from '../../src/store/influx/rollup-setup.ts'
import { startInfluxd } from '../support/influxd.ts'
import { NOW, siteRows } from './site.ts'

const DAY = 86_400_000
const PAGE = fileURLToPath(new URL('../../docs/influxdb.md', import.meta.url))

/** Every question of the page, asked of the test's own site. */
const questions = readFileSync(PAGE, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('SELECT'))
  .map((line) =>
    line
      .replaceAll('P00017', 'P-1')
      .replaceAll('T0042', 'A-1')
      .replaceAll('$timeFilter', `time >= ${NOW - 40 * DAY}ms AND time <= ${NOW}ms`)
      .replaceAll('$__interval', '1h'),
  )

it('every question of docs/influxdb.md is answered by a real influxd, roll-ups included', async () => {
  expect(questions.length).toBeGreaterThan(6)
  const server = await startInfluxd()
  try {
    const options = { url: server.url, version: 'v1' as const, database: 'gridtally', createDatabase: true }
    const store = await openInfluxStore(options)
    if (!store.ok) throw new Error(store.error.message)
    await store.value.write(siteRows())
    await store.value.close()
    const made = await setUpRollups(
      options,
      { zone: 'Asia/Shanghai', hourDays: 36_500, rawDays: null, since: NOW - 25 * DAY },
      true,
      () => NOW,
    )
    expect(made).toMatchObject({ ok: true })
    const empty: string[] = []
    for (const question of questions) {
      const blocks = await server.query(question, 'gridtally')
      if (blocks.flatMap(({ values }) => values.filter((row) => row[1] !== null)).length === 0) empty.push(question)
    }
    // No month of energy is worked out in that day.
    expect(empty.filter((question) => !question.includes(`"period" = 'month'`))).toEqual([])
  } finally {
    await server.destroy()
  }
})
