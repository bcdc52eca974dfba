import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const FOLDER = fileURLToPath(new URL('../../config/grafana/', import.meta.url))

interface Target {
  readonly refId: string
  readonly query?: string
  readonly expr?: string
  readonly resultFormat?: string
}
export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource: { readonly type: string; readonly uid: string }
  readonly fieldConfig: { readonly defaults: { readonly unit: string } }
  readonly targets: readonly (Target & { readonly datasource: { readonly uid: string } })[]
}
export interface Variable {
  readonly name: string
  readonly label: string
  readonly query: string | { readonly query: string }
  readonly includeAll: boolean
  readonly allValue?: string
}
export interface Dashboard {
  readonly file: string
  readonly __inputs: readonly { readonly name: string; readonly type: string; readonly pluginId: string }[]
  readonly uid: string
  readonly title: string
  readonly templating: { readonly list: readonly Variable[] }
  readonly panels: readonly Panel[]
}

/** Every dashboard of config/grafana. */
export const dashboards: readonly Dashboard[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .map((file) => ({ file, ...JSON.parse(readFileSync(`${FOLDER}${file}`, 'utf8')) }))

export const isInflux = ({ __inputs }: Dashboard): boolean => __inputs[0]?.pluginId === 'influxdb'
