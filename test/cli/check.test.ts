import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { check } from '../../src/cli/run.ts'
import { scratch } from '../support/processes.ts'

const checked = (publish: string) => {
  const config = join(scratch(), 'gateway.yaml')
  writeFileSync(
    config,
    `version: 1
gateway: { id: site-1, timezone: Asia/Shanghai }
lines: []
mqtt: [{ id: plant, url: mqtt://broker.example, mappings: [tasmota] }]
publish: [{ id: scada, url: 'mqtt://broker.example:1883', ${publish} }]
tasks: []
`,
  )
  return () => check({ config })
}

it.each([
  [
    'a template that is none',
    "readings: 'grid/{metre}'",
    /\/publish\/scada\/readings has the topic template "grid\/\{metre\}": \{metre\} is none of \{gateway\}/,
  ],
  [
    'a topic that comes back',
    "readings: 'tele/{meter}/SENSOR'",
    /\/publish\/scada\/readings is "tele\/\{meter\}\/SENSOR", and mqtt plant takes "tele\/\+\/SENSOR"/,
  ],
])('gridtally check names %s', (_, publish, words) => expect(checked(publish)).toThrow(words))

it('gridtally check takes topics of its own', () => expect(checked("readings: 'grid/{meter}', health: 'grid/health'")).not.toThrow())
