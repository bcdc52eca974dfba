import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Ledger } from '../../src/ledger/index.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { gridtally, scratch } from '../support/processes.ts'

const CONFIG = `version: 1
gateway: { id: site-1, timezone: Asia/Shanghai, data: ./data }
lines: [{ id: hall, transport: { kind: tcp, host: 127.0.0.1, port: 502 } }]
tasks: []
`
const HEADS = '台区编号,台区名称,计量点编号,CT变比,电表编号,通信地址,规约型号,通信线路'
const table = (ct: string) =>
  `${HEADS}\n${Array.from({ length: 300 }, (_, n) => `T1,新村,P${n},${ct},M${n},${String(n + 1).padStart(12, '0')},dlt645-2007/single-phase,hall`).join('\n')}\n`

const everything = (directory: string) => {
  const database = openDatabase(join(directory, 'data', 'ledger.db'))
  try {
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    return ['fact', 'change', 'entity', 'period', 'exchange', 'note'].map((name) => database.prepare(`SELECT * FROM ${name}`).all())
  } finally {
    database.close()
  }
}

it.each(['ledger.half-written', 'ledger.before-commit'])(
  'an import that is killed at %s leaves the old state, and can be sent again',
  { timeout: 60_000 },
  async (failpoint) => {
    const directory = scratch()
    const config = join(directory, 'gateway.yaml')
    writeFileSync(config, CONFIG)
    const file = join(directory, 'site.csv')
    const send = (ct: string, env: NodeJS.ProcessEnv = {}) => {
      writeFileSync(file, table(ct))
      return gridtally(['ledger', 'import', file, '--apply', '--who', 'wang', '-c', config], { env })
    }
    expect(await send('1')).toMatchObject({ code: 0 })
    const before = everything(directory)
    const killed = await send('200/5', { GRIDTALLY_FAILPOINT: failpoint })
    expect(killed.stdout).not.toContain('change')
    expect(killed.code).toBeNull()
    expect(everything(directory)).toEqual(before)
    expect(await send('200/5')).toMatchObject({ code: 0, stdout: expect.stringContaining('300 changed, 301 as they were: change 2') })
    const ledger = new Ledger(join(directory, 'data'))
    expect(ledger.get('point', 'P7', null)?.attributes.ct).toBe('200/5')
    ledger.close()
  },
)
