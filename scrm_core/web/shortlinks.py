from flask import Flask
def install(app, installation): pass
