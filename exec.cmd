@rem The scripts of npm that run for long begin with exec: on Unix the program takes the place of the shell, and signals reach it.
@rem cmd has no such word, and finds this file: it runs what follows.
@%*
