// The guide's code for Angular, in an app: compiled in the page, since there is no build of Angular's here.
import "@angular/compiler";
import { HttpClient } from "@angular/common/http";
import { Component, provideZonelessChangeDetection } from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";
import { appConfig } from "../dist/guides/angular/app.config";
import { clock, iam, settled } from "../dist/guides/angular/auth.js";
import { login, logout, session } from "../dist/guides/angular/session";

const App = Component({
  selector: "body",
  template: "{{ session().status }} {{ session().user?.username ?? 'nobody' }} {{ session().error?.code ?? 'fine' }}",
})(
  class {
    session = session;
  },
);

bootstrapApplication(App, { providers: [...appConfig.providers, provideZonelessChangeDetection()] }).then(({ injector }) => {
  Object.assign(window, { clock, iam, settled, login, logout, http: injector.get(HttpClient) });
});
