import { createApp } from 'vue'
import App from './App.vue'
import { session } from './app'
import { router } from './router'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/danmaku.css'

window.addEventListener('storage', (event) => session.follow(event))
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') session.wake()
})

void session.restore()
createApp(App).use(router).mount('#app')
