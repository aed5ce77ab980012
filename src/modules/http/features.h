// SPDX-License-Identifier: BSD-2-Clause
// The features of this room, one object per file; the registry lists them in running order.
// Runs in: any.
#pragma once

#include "proto/http/module.h"

namespace sluice::modules {

extern const http::Module kReadBody;    ///< read_body.cpp: client_body_read, $request_body
extern const http::Module kFiles;       ///< files.cpp: open_file_cache, disable_symlinks
extern const http::Module kRewrite;     ///< rewrite.cpp: set, rewrite, if, break, return
extern const http::Module kTryFiles;    ///< try_files.cpp
extern const http::Module kStubStatus;  ///< stub_status.cpp
extern const http::Module kStatusApi;   ///< status_api.cpp
extern const http::Module kIndex;       ///< index.cpp
extern const http::Module kAutoindex;   ///< autoindex.cpp
extern const http::Module kPrecompressed;  ///< precompressed.cpp: gzip_static and its kin
extern const http::Module kStaticFile;  ///< static_file.cpp; ends the content phase
extern const http::Module kCharset;     ///< charset.cpp
extern const http::Module kAuthBasic;   ///< auth_basic.cpp
extern const http::Module kSatisfy;     ///< satisfy.cpp; ends the access phase
extern const http::Module kHeaders;     ///< headers.cpp: add_header, add_trailer, expires
extern const http::Module kMsieRefresh; ///< msie_refresh.cpp
extern const http::Module kUserId;     ///< userid.cpp: userid and its kin
extern const http::Module kReferer;     ///< referer.cpp: valid_referers
extern const http::Module kSecureLink;  ///< secure_link.cpp
extern const http::Module kLive;       ///< live.cpp: a FIFO for many viewers
extern const http::Module kLiveHead;   ///< live.cpp: no-store, behind kHeaders
extern const http::Module kRemoteUser;  ///< remote_user.cpp: $remote_user

}  // namespace sluice::modules
