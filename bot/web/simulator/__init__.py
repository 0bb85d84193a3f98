from flask import Blueprint
simulator = Blueprint("simulator", __name__, url_prefix="/simulator")
