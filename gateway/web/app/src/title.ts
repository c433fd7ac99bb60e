import { onUnmounted, watch } from 'vue'
import { t } from './messages'

/** Keeps the document's title in step with a view. */
export function useTitle(text: () => string): void {
  const stop = watch(text, (now) => (document.title = now === '' ? t('app.name') : `${now} · ${t('app.name')}`), { immediate: true })
  onUnmounted(stop)
}
