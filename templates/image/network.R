local({ site <- file.path(R.home("etc"), "Rprofile.site"); if (file.exists(site)) sys.source(site, globalenv()); options(repos = c(CRAN = Sys.getenv("SKELEBOT_CRAN"))) })
