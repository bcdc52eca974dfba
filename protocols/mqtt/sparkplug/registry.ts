import { NodeState } from './node.ts'
import type { SparkplugOptions } from './options.ts'

/** Most that messages of all nodes together take while they wait for their turn. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024

/** Every edge node a host knows, and the room they take together: all of it is bounded, since whoever may publish may invent nodes. */
export class NodeRegistry {
  readonly #options: Required<SparkplugOptions>
  readonly #nodes = new Map<string, NodeState>()
  readonly #pending = new Set<NodeState>()
  #remembered = 0
  #waitingBytes = 0
  #changes = 0

  constructor(options: Required<SparkplugOptions>) {
    this.#options = options
  }

  all(): IterableIterator<NodeState> {
    return this.#nodes.values()
  }

  /** Nodes for which time has something to do. */
  pending(): ReadonlySet<NodeState> {
    return this.#pending
  }

  /** Rises with every birth and death. */
  get changes(): number {
    return this.#changes
  }

  /** Metrics and devices for which there is still room. */
  get room(): number {
    return this.#options.maxAliases - this.#remembered
  }

  get crowded(): boolean {
    return this.#waitingBytes > MAX_WAITING_BYTES
  }

  find(group: string, node: string): NodeState | undefined {
    return this.#nodes.get(keyOf(group, node))
  }

  /** A new node; null when there is no room and every other one is of use: born, waiting, or just asked for its birth. */
  add(group: string, name: string, now: number): NodeState | null {
    if (this.#nodes.size >= this.#options.maxNodes && !this.#dropIdle(now)) return null
    const { reorderMs, rebirthBackoffMs: backoffMs, rebirthBackoffMaxMs: backoffMaxMs } = this.#options
    const node = new NodeState(group, name, { reorderMs, backoffMs, backoffMaxMs })
    this.#nodes.set(keyOf(group, name), node)
    return node
  }

  /** Keeps count of what is remembered while it changes. */
  resize(node: NodeState, change: () => void): void {
    const size = node.size
    change()
    this.#remembered += node.size - size
    this.#changes++
  }

  /** Takes note of what waits. */
  note(node: NodeState): void {
    const bytes = node.waitingBytes
    this.#waitingBytes += bytes - node.countedBytes
    node.countedBytes = bytes
    if (bytes > 0 || node.settleAt !== null) this.#pending.add(node)
    else this.#pending.delete(node)
  }

  /** Forgets the idle node that was silent longest. */
  #dropIdle(now: number): boolean {
    let idle: NodeState | null = null
    for (const node of this.#nodes.values())
      if (!node.born && node.countedBytes === 0 && node.rebirth.free(now) && (idle === null || node.heardAt < idle.heardAt)) idle = node
    if (!idle) return false
    this.#nodes.delete(keyOf(idle.group, idle.node))
    this.#pending.delete(idle)
    this.#remembered -= idle.size
    return true
  }
}

const keyOf = (group: string, node: string): string => `${group}/${node}`
