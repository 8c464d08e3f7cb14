/* global SwaggerUIBundle */
// validatorUrl null: the description is not sent to anybody to be checked.
SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', validatorUrl: null, deepLinking: true });
