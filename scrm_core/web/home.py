def install(app, installation): pass
