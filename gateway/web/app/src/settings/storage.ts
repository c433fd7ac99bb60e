/** The browser's storage, or one that lasts as long as the page where the browser forbids it. */
export function storage(): Storage {
  try {
    const real = globalThis.localStorage
    real.getItem('')
    return real
  } catch {
    return new PageStorage()
  }
}

class PageStorage implements Storage {
  private readonly items = new Map<string, string>()
  get length(): number {
    return this.items.size
  }
  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null
  }
  getItem(key: string): string | null {
    return this.items.get(key) ?? null
  }
  setItem(key: string, value: string): void {
    this.items.set(key, value)
  }
  removeItem(key: string): void {
    this.items.delete(key)
  }
  clear(): void {
    this.items.clear()
  }
}
