-- Shared by the specs of this project.
return { words = 4096 }
