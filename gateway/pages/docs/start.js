/* global SwaggerUIBundle */
// validatorUrl null: the description is not sent to anybody to be checked.
SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', validatorUrl: null, deepLinking: true });

// Swagger UI has dark colours, and leaves it to the page to ask for them.
const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
