import { expect, test } from 'vitest';
import { commandPorts, startFolder } from './command-line.ts';

test.each([
  ['vite --port 3026', ['binds 3026']],
  ['vite --port=3026', ['binds 3026']],
  ['next dev -p 3026', ['binds 3026']],
  ['next dev -p3026', ['binds 3026']],
  ['PORT=3026 node server.js', ['binds 3026']],
  ['cross-env NODE_ENV=dev PORT=3026 tsx src', ['binds 3026']],
  ['export PORT="3026"', ['binds 3026']],
  ['PORT=$' + '{PORT:-3026} ./run', ['binds 3026']],
  ['uvicorn app:app --host 0.0.0.0 --port $' + '{PORT:-3026}', ['binds 3026']],
  ['unicorn_rails -p $' + '{PORT:="3026"} -E x', ['binds 3026']],
  ['gunicorn -b 0.0.0.0:8000 app', ['binds 8000']],
  ['caddy --http.port 8080', ['binds 8080']],
  ['exporter --web.listen-address=:9100', ['binds 9100']],
  ['server --metrics-port 9464', ['binds 9464 metrics']],
  ['python -m http.server 8001', ['binds 8001']],
  ['python manage.py runserver 0.0.0.0:8002', ['binds 8002']],
  ['php -S localhost:8003', ['binds 8003']],
  ['docker run -d --name web -p 127.0.0.1:8080:80 nginx', ['binds 8080 <80 web']],
  ['cd services/a && PORT=3001 npm start', ['binds 3001 in services/a']],
  ['sh -c "vite --port 3026"', ['binds 3026']],
  ['concurrently "vite --port 3026" "PORT=3027 tsx api"', ['binds 3026', 'binds 3027']],
  ['dlv debug --headless --listen=:2345 ./cmd', ['binds 2345 debug']],
  ['lsof -ti:3000 | xargs kill', ['refers 3000']],
  ['wait-on tcp:4000 && echo 4001', ['refers 4000']],
  ['psql -h db -p 5432', ['refers 5432']],
  ['env PORT=3000 RAILS_ENV=development bundle exec sidekiq', []],
  ['PORT=3000 celery -A shop worker', []],
  ['celery -A shop flower --port=5555', ['binds 5555']],
  ['PORT=3000 node sidekiq.js', ['binds 3000']],
  ['mkdir -p 3000', []],
  ['sleep 3000; echo --port 3000', []],
  ['# PORT=3000', []],
  ['node --max-old-space-size=4096 a', []],
  ['x --db-port 5432', []],
])('%s', (text, wanted) => {
  const found = commandPorts(text).map(({ role, port, label, inside, name, folder, offset, length }) => {
    expect(text.slice(offset, offset + length)).toBe(String(port));
    const parts = [role, port, label, inside && `<${inside}`, name, folder && `in ${folder}`];
    return parts.filter((part) => part !== undefined).join(' ');
  });
  expect(found).toEqual(wanted);
});

test.each(['next dev -p 3026', 'vite --port 3026', 'webpack serve --hot --port 3026', 'ng serve --port 3026'])(
  'for those who work on the sources: %s',
  (text) => expect(commandPorts(text)).toMatchObject([{ port: 3026, dev: true }]),
);

test.each(['next start -p 3026', 'vite preview --port 3026', 'serve dist -p 3026'])('for others: %s', (text) =>
  expect(commandPorts(text)[0]).not.toHaveProperty('dev'),
);

test.each([
  ['npm run --prefix web start', 'web'],
  ['cd web && exec npm start', 'web'],
  ['yarn --cwd=web start', 'web'],
  ['npm start', undefined],
])('%s is started in %s', (text, folder) => expect(startFolder(text)).toBe(folder));
